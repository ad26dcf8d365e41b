"""A scheme's facts are checked when they are read: what is wrong is named, and nothing is guessed."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from integrations.providers.reading import BadFacts
from integrations.webhooks.schemes.registry import CATALOGUE, UnknownScheme, all_schemes, custom_scheme, get_scheme
from integrations.webhooks.schemes.shape import Scheme
from integrations.webhooks.verify import verify
from secrets_vault.secret import Secret
from tests.integrations.webhooks.asking import moment, request_of
from tests.integrations.webhooks.signer import NOW, Made, mac

pytestmark = pytest.mark.matrix  # no database: one engine is enough

PROOF = {"kind": "hmac", "signature": "header:X-S", "signed": "{body}"}


def one(**changes: object) -> dict[str, object]:
    return {"proofs": [{**PROOF, **changes}]}


def timed(**changes: object) -> dict[str, object]:
    return {**one(signed="{ts}{body}"), "timestamp": {"place": "header:X-T", **changes}}


BAD = {
    "no proof": ({"proofs": []}, "proofs"),
    "an unknown field": ({**one(), "secretly": 1}, "secretly"),
    "an unknown field of a proof": (one(algorithm="x"), "proofs[0].algorithm"),
    "an unknown token": (one(signed="{bod}"), "proofs[0].signed"),
    "an unknown place in a token": (one(signed="{json:}"), "proofs[0].signed"),
    "an open brace": (one(signed="{body"), "proofs[0].signed"),
    "nothing signed": (one(signed="v0:"), "proofs[0].signed"),
    "no template": (one(signed=""), "proofs[0].signed"),
    "an unknown kind": (one(kind="md5"), "proofs[0].kind"),
    "a weak hash": (one(hash="md5"), "proofs[0].hash"),
    "an unknown encoding": (one(encoding="base58"), "proofs[0].encoding"),
    "a signature as text": (one(encoding="text"), "proofs[0].encoding"),
    "an unknown key form": (one(key_form="rot13"), "proofs[0].key_form"),
    "a key of another kind": (one(key_form="public_key"), "proofs[0].key_form"),
    "an unknown URL form": (one(url_form="any"), "proofs[0].url_form"),
    "no place": (one(signature="X-S"), "proofs[0].signature"),
    "a place that is no header": (one(signature="header:X S"), "proofs[0].signature"),
    "the secret in an HMAC": (one(signed="{secret}{body}"), "proofs[0].signed"),
    "a digest without the secret": (one(kind="digest"), "proofs[0].signed"),
    "a template where nothing is signed": (one(kind="equality", encoding="text"), "proofs[0].signed"),
    "a function": ({"proofs": [{"kind": "function", "function": "monday"}]}, "proofs"),
    "a function that is none": ({"proofs": [{"kind": "function", "function": "nope"}]}, "proofs"),
    "a time without a place": (one(signed="{ts}{body}"), "timestamp"),
    "an id without a place": (one(signed="{id}{body}"), "id"),
    "a time that is not signed": ({**one(), "timestamp": {"place": "header:X-T"}}, "timestamp"),
    "a body's hash that is not signed": ({**one(), "body_hash": {"place": "header:X-H"}}, "body_hash"),
    "an unknown unit": (timed(unit="min"), "timestamp.unit"),
    "an endless window": (timed(tolerance_s=10**6), "timestamp.tolerance_s"),
    "no window": (timed(tolerance_s=0), "timestamp.tolerance_s"),
    "an id anywhere": ({**one(), "id": {"places": ["header:*"]}}, "id.places"),
    "a key of its own": ({**one(), "key": "stripe"}, "key"),
    "a confidence of its own": ({**one(), "confidence": "A"}, "confidence"),
    "a text for a list": ({"proofs": "hmac"}, "proofs"),
    "a handshake without an answer": (
        {**one(), "handshakes": [{"name": "x", "when": [], "reply": "text"}]},
        "handshakes[0].value",
    ),
}


@pytest.mark.parametrize(("parameters", "field"), BAD.values(), ids=BAD)
def test_a_wrong_fact_is_named(parameters, field):
    with pytest.raises(BadFacts) as bad:
        custom_scheme(parameters)
    assert bad.value.field == field
    assert bad.value.reason


@pytest.mark.parametrize("parameters", [None, "x", [], {}, 5])
def test_what_is_no_table_of_parameters_is_refused(parameters):
    with pytest.raises(BadFacts):
        custom_scheme(parameters)


def test_a_scheme_of_ones_own_verifies():
    parameters = {
        "proofs": [{**PROOF, "signed": "{method}:{ts}:{header:X-Tenant}:{body}", "prefix": "mac ", "hash": "sha512"}],
        "timestamp": {"place": "header:X-T", "unit": "ms", "tolerance_s": 60},
        "id": {"places": ["json:id"]},
    }
    content = f"POST:{NOW * 1000}:t1:".encode() + b'{"id":7}'
    headers = (("X-S", "mac " + mac("k", content, "sha512").hex()), ("X-T", str(NOW * 1000)), ("X-Tenant", "t1"))
    made = Made("k", "", headers, b'{"id":7}')
    said = verify(request_of(made), custom_scheme(parameters), [Secret("k")], now=moment(NOW))
    assert (said.event_id, said.is_id_signed, said.signed_at) == ("7", True, moment(NOW))


def test_every_fact_of_a_file_is_known_and_its_key_is_its_name():
    for path in sorted(CATALOGUE.glob("*.toml")):
        facts = tomllib.loads(path.read_text())
        assert Scheme.from_facts(facts, where=path.name).key == path.stem
        with pytest.raises(BadFacts):
            Scheme.from_facts({**facts, "tolerance": 1}, where=path.name)


def test_every_file_names_its_sources_or_says_that_it_has_none():
    for scheme in all_schemes():
        assert scheme.sources or scheme.confidence == "C", scheme.key
        assert scheme.secret_words, scheme.key


def test_a_fact_that_nobody_of_the_vendors_confirms_says_so():
    stripe = get_scheme("stripe")
    assert stripe.is_confirmed("timestamp.tolerance_s")
    assert not replace(stripe, unconfirmed=("timestamp",)).is_confirmed("timestamp.tolerance_s")
    assert not replace(stripe, confidence="C").is_confirmed("timestamp.tolerance_s")


def test_which_ids_nobody_can_change():
    signed = {scheme.key for scheme in all_schemes() if scheme.is_id_signed}
    assert {"stripe", "svix", "mailgun", "paypal", "standard_webhooks"} <= signed
    assert not signed & {"github", "shopify", "linear", "jira", "razorpay", "gitlab_token", "google_channel"}


def test_thin_pings_and_unknown_senders_repeat_and_nothing_else_does():
    repeating = {scheme.key for scheme in all_schemes() if scheme.repeats_identically}
    # Whoever signs nothing and is known by nothing may mean two events by two equal requests.
    assert repeating == {"asana", "basic_or_url_secret", "dropbox", "google_channel", "microsoft_graph"}


def test_which_schemes_sign_the_address():
    signing = {scheme.key for scheme in all_schemes() if scheme.signs_url}
    assert signing == {"hubspot_v2", "hubspot_v3", "mandrill", "square", "trello", "twilio_form", "twilio_json"}


def test_only_facts_that_there_are_can_be_unconfirmed():
    facts = tomllib.loads((CATALOGUE / "stripe.toml").read_text())
    with pytest.raises(BadFacts, match="unconfirmed"):
        Scheme.from_facts({**facts, "unconfirmed": ["tolerance"]}, where="stripe.toml")


def test_an_unknown_scheme_is_said():
    with pytest.raises(UnknownScheme):
        get_scheme("../stripe")
    with pytest.raises(UnknownScheme):
        get_scheme("custom")
