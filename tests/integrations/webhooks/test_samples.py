"""The test sender's samples: every scheme whose secret both sides hold is signed so that the verifier believes it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.samples import CannotSign, sign
from integrations.webhooks.schemes.registry import all_schemes, custom_scheme, get_scheme
from integrations.webhooks.verdicts import Refused
from integrations.webhooks.verify import Verified, verify
from secrets_vault.secret import Secret

pytestmark = pytest.mark.matrix  # no database: one engine is enough

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "http://localhost:8000/hooks/acme"
WHSEC = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
HEX = "0123456789abcdef" * 4
SECRETS = {"whsec": WHSEC, "base64": WHSEC.removeprefix("whsec_"), "hex": HEX}
PRIVATE = {
    "aws_sns", "discord", "highlevel", "paypal", "plaid", "salesforce_outbound", "sendgrid_ecdsa", "telnyx",
    "wise",
}  # fmt: skip


def secret_of(scheme) -> Secret:
    if scheme.key == "adyen_payload":
        return Secret(HEX)
    return Secret(SECRETS.get(scheme.proofs[0].key_form, "a-shared-secret"))


def sample(scheme, variant="good", nonce="evt_test_1") -> WebhookRequest:
    return sign(scheme, secret_of(scheme), url=URL, now=NOW, nonce=nonce, variant=variant)


def can_be_signed(scheme) -> bool:
    try:
        sample(scheme)
    except CannotSign:
        return False
    return True


SIGNED = [scheme.key for scheme in all_schemes() if can_be_signed(scheme)]
TIMED = [key for key in SIGNED if get_scheme(key).timestamp or key in ("monday", "atlassian_connect")]


def verdict(scheme, request, secret=None):
    return verify(request, scheme, [secret or secret_of(scheme)], now=NOW)


def reason(scheme, request, **more) -> str:
    with pytest.raises(Refused) as refused:
        verdict(scheme, request, **more)
    return refused.value.reason


@pytest.mark.parametrize("key", SIGNED)
def test_a_sample_is_believed(key):
    scheme = get_scheme(key)
    found = verdict(scheme, sample(scheme))
    assert isinstance(found, Verified)
    assert found.event_id is None or "evt_test_1" in found.event_id


@pytest.mark.parametrize("key", SIGNED)
def test_a_tampered_sample_is_refused(key):
    scheme = get_scheme(key)
    assert reason(scheme, sample(scheme, "tampered")) in ("mismatch", "malformed", "missing")


@pytest.mark.parametrize("key", SIGNED)
def test_a_sample_does_not_fit_another_secret(key):
    scheme = get_scheme(key)
    form = "hex" if key == "adyen_payload" else scheme.proofs[0].key_form
    another = {"hex": "ff" * 32, "whsec": "whsec_" + base64.b64encode(b"x" * 32).decode()}
    another["base64"] = another["whsec"].removeprefix("whsec_")
    assert reason(scheme, sample(scheme), secret=Secret(another.get(form, "another-secret"))) in ("mismatch", "missing")


@pytest.mark.parametrize("key", TIMED)
def test_a_stale_sample_is_refused_as_stale(key):
    scheme = get_scheme(key)
    assert reason(scheme, sample(scheme, "stale")) == "stale"


@pytest.mark.parametrize("key", [key for key in SIGNED if key not in TIMED])
def test_where_no_time_is_signed_nothing_can_be_stale(key):
    with pytest.raises(CannotSign, match="signs no time"):
        sample(get_scheme(key), "stale")


def test_only_what_a_private_key_signs_is_left_out():
    assert {scheme.key for scheme in all_schemes()} - set(SIGNED) == PRIVATE


@pytest.mark.parametrize("key", sorted(PRIVATE))
def test_a_vendors_private_key_is_not_ours(key):
    with pytest.raises(CannotSign, match="private key that only the vendor has"):
        sample(get_scheme(key))


def test_without_a_secret_nothing_is_signed():
    with pytest.raises(CannotSign, match="no secret to sign with"):
        sign(get_scheme("stripe"), None, url=URL, now=NOW, nonce="x")


def test_a_secret_in_another_form_is_said_without_its_value():
    with pytest.raises(CannotSign, match="not whsec_") as refused:
        sign(get_scheme("standard_webhooks"), Secret("canary!"), url=URL, now=NOW, nonce="x")
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {"proofs": [{"kind": "hmac", "signature": "header:X-Sig", "signed": "{ts}.{body}", "encoding": "base64url"}],
         "timestamp": {"place": "header:X-Time", "unit": "iso"}},
        {"proofs": [{"kind": "hmac", "signature": "query:sig", "signed": "{query:account}{body}", "hash": "sha512"}]},
        {"proofs": [{"kind": "hmac", "signature": "header:X-Sig#v1", "signed": "{ts}.{body}"}],
         "timestamp": {"place": "header:X-Sig#t"}, "item_separator": ";"},
        {"proofs": [{"kind": "hmac", "signature": "header:X-Sig", "signed": "{method}{url}{header:X-Account}{body}"}]},
        {"proofs": [{"kind": "hmac", "signature": "header:X-Sig", "signed": "{json:data.id}"}]},
        {"proofs": [{"kind": "hmac", "signature": "header:X-Sig", "signed": "{form}", "prefix": "sha256="}]},
        {"proofs": [{"kind": "equality", "signature": "header:X-Token", "encoding": "text"}]},
    ],
)  # fmt: skip
def test_a_scheme_of_ones_own_is_signed_by_its_parameters(parameters):
    scheme = custom_scheme(parameters)
    assert isinstance(verdict(scheme, sample(scheme)), Verified)
    assert reason(scheme, sample(scheme, "tampered")) in ("mismatch", "missing")
