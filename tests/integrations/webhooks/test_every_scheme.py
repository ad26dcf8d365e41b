"""Every scheme of the catalogue: what is right is verified, and whatever is not is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations.webhooks.schemes.registry import all_schemes, get_scheme
from tests.integrations.webhooks import signing_by_key, signing_by_secret
from tests.integrations.webhooks.asking import ask, reason, with_signature
from tests.integrations.webhooks.changing import changed, doubled, other_writings, with_prefix, without_signature
from tests.integrations.webhooks.signer import NOW, SIGNERS, make

pytestmark = pytest.mark.matrix  # no database: one engine is enough

SCHEMES = [scheme.key for scheme in all_schemes()]
BODY_SIGNED = [scheme.key for scheme in all_schemes() if scheme.is_body_signed]
PREFIXED = [
    scheme.key for scheme in all_schemes() if any(proof.prefix or "#" in proof.signature for proof in scheme.proofs[:1])
]
TIMED = [scheme.key for scheme in all_schemes() if scheme.timestamp]
REFUSED = ("mismatch", "malformed")

OTHER_BODIES = {"twilio_form": b"Body=Bye", "mandrill": b"mandrill_events=1"}

every_scheme = pytest.mark.parametrize("name", SCHEMES)
every_timed_scheme = pytest.mark.parametrize("name", TIMED)


def test_every_scheme_has_a_signer_of_its_own():
    assert signing_by_key.__doc__
    assert signing_by_secret.__doc__
    assert sorted(SIGNERS) == sorted(SCHEMES)
    assert len(SCHEMES) == 89


@every_scheme
def test_a_rightly_signed_request_is_verified(name):
    assert reason(name, make(name)) == "valid"


@pytest.mark.parametrize("name", BODY_SIGNED)
def test_a_tampered_body_is_refused(name):
    made = make(name)
    assert reason(name, replace(made, body=made.body.replace(b"1", b"2"))) in REFUSED


@every_scheme
def test_another_secret_is_refused(name):
    made = make(name)
    assert reason(name, made, secrets=(made.other_secret,)) == "mismatch"


@every_scheme
def test_no_secret_is_a_refusal_and_never_a_reason_to_skip(name):
    made = make(name)
    assert reason(name, made, secrets=()) == "no_secret"
    assert reason(name, made, secrets=("",)) == "no_secret"


@every_scheme
def test_either_of_two_secrets_verifies_while_one_rolls(name):
    made = make(name)
    assert ask(name, made, secrets=(made.other_secret, made.secret)).secret_number == 1
    assert ask(name, made, secrets=(made.secret, made.other_secret)).secret_number == 0


@every_timed_scheme
@pytest.mark.parametrize(("side", "told"), [(1, "stale"), (-1, "future")])
def test_the_window_is_the_same_in_both_directions(name, side, told):
    made, window = make(name), get_scheme(name).timestamp.tolerance_s
    assert reason(name, made, at=made.now + side * window) == "valid"
    assert reason(name, made, at=made.now + side * (window + 1)) == told
    assert reason(name, made, at=made.now + side * 10**6) == told


@every_scheme
def test_a_missing_signature_is_refused(name):
    made = without_signature(make(name))
    assert reason(name, made) == "missing"


@every_scheme
def test_a_doubled_signature_is_refused(name):
    made = make(name)
    assert reason(name, doubled(made)) == "doubled"


@pytest.mark.parametrize("name", PREFIXED)
def test_a_wrong_prefix_is_refused(name):
    made = make(name)
    assert made.prefix
    assert reason(name, with_prefix(made, "v9=")) in ("malformed", "missing")
    assert reason(name, with_prefix(made, "")) in ("malformed", "missing")


@every_scheme
def test_a_signature_cut_short_is_refused(name):
    made = make(name)
    for written in (made.written[:-1], made.written[:-2], made.written[: len(made.written) // 2], made.written[:1]):
        assert reason(name, with_signature(made, written)) in REFUSED
    assert reason(name, with_signature(made, "")) in (*REFUSED, "missing")


@every_scheme
def test_a_signature_with_one_character_changed_is_refused(name):
    made = make(name)
    for place in range(0, len(made.written), 7):
        other = "0" if made.written[place] != "0" else "1"
        written = made.written[:place] + other + made.written[place + 1 :]
        assert reason(name, with_signature(made, written)) in REFUSED


@every_scheme
def test_a_signature_in_another_encoding_is_refused(name):
    made = make(name)
    for written in other_writings(made.written):
        assert reason(name, with_signature(made, written)) in REFUSED


@every_scheme
def test_a_byte_outside_ascii_is_a_refusal(name):
    made = make(name)
    assert reason(name, with_signature(made, made.written + "\xe9")) in REFUSED
    assert reason(name, with_signature(made, "\xe9" * 10)) in REFUSED


@every_scheme
def test_a_copy_is_known_by_its_digest_whatever_unsigned_header_was_changed(name):
    made = make(name)
    copy = replace(made, headers=(*((n, changed(n, v, made)) for n, v in made.headers), ("X-Extra", "1")))
    first, second = ask(name, made), ask(name, copy)
    assert first.replay_digest == second.replay_digest
    assert len(first.replay_digest) == 32
    if made.unsigned_id:
        assert (first.event_id, second.event_id) == ("id-1", "another-id")
        assert not first.is_id_signed


@every_scheme
def test_another_body_has_another_digest(name):
    first = ask(name, make(name))
    other = make(name, now=NOW + 1) if get_scheme(name).timestamp else make(name, body=OTHER_BODIES.get(name, b"{}"))
    assert ask(name, other).replay_digest != first.replay_digest
