"""What is said of a JWT: each fault by its own sentence, and no fault of a good one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from integrations.jwt.examining import Wanted, examine
from integrations.jwt.fetching import KeysNotFetched, fetched_keys
from integrations.jwt.keys import BadKey, CheckingKey, public_keys, shared_secret
from integrations.jwt.parts import MOST_CHARACTERS, NotAJWT, cut
from integrations.jwt.unreadable import sentence
from integrations.outbound import Answer, HostRefused
from tests.integrations.jwt.making import jwks, key_of, part, signed

pytestmark = pytest.mark.matrix
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
GOOD = {"iss": "https://issuer.example", "aud": "us", "sub": "x", "iat": AT - 10, "exp": AT + 600}


def said(token, **wanted):
    examined = examine(cut(token), Wanted(**wanted), now=NOW)
    return examined, " ".join(str(finding.text) for finding in examined.findings)


def keys(*names, **more):
    return {"keys": public_keys(json.dumps(jwks(*names, **more))), "is_checked": True}


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_good_token_fits_and_nothing_is_held_against_it(alg):
    examined, _ = said(signed(GOOD, alg=alg), **keys(alg=alg), issuer=GOOD["iss"], audience="us")
    assert (examined.signature, examined.tone) == ("fits", "ok")


@pytest.mark.parametrize("written", ["jwk", "pem"])
def test_a_key_without_an_id_stands_for_any_where_it_is_alone(written):
    key = key_of("ES256")
    text = json.dumps(key.as_dict(private=False)) if written == "jwk" else key.as_pem(private=False).decode()
    examined, _ = said(signed(GOOD, alg="ES256"), keys=public_keys(text), is_checked=True)
    assert examined.signature == "fits"


PEM = key_of("RS256").as_pem(private=False)


@pytest.mark.parametrize(
    ("token", "sentence", "signature"),
    [
        (signed(GOOD, alg="none", kid=None), "not signed at all", "none"),
        (signed(GOOD, alg="HS256", key=PEM, kid=None), "key confusion", "unchecked"),
        (signed(GOOD, alg="ES256"), "no key you gave is made for that", "unchecked"),
        (signed(GOOD, kid="k9"), "No key has the id", "unchecked"),
        (signed(GOOD, key=key_of("RS256", "another")), "does not fit the key", "differs"),
        (signed(GOOD | {"exp": AT - 3 * 3600 - 60}), "It expired 3 hours ago", "fits"),
        (signed(GOOD | {"nbf": AT + 7200}), "not valid yet: in 2 hours", "fits"),
        (signed(GOOD | {"iat": AT + 7200}), "issued in the future", "fits"),
        (signed(GOOD | {"exp": "tomorrow"}), "exp is no time", "fits"),
        (signed(GOOD | {"exp": 10**15}), "exp is no time", "fits"),
        (signed(GOOD | {"exp": AT + 90 * 86_400}), "It lives for 90 days", "fits"),
        (signed({"iss": "x"}), "It never expires", "fits"),
        (signed({"iss": "x"}), "no aud", "fits"),
        (signed(GOOD | {"iss": "https://other.example"}), "from another issuer", "fits"),
        (signed(GOOD | {"aud": ["them"]}), "not meant for the audience", "fits"),
        (signed(GOOD, jku="https://evil.example/keys"), "brings its own key", "fits"),
        (signed(GOOD, crit=["x"]), "rules that must be understood", "fits"),
        (signed(GOOD, alg="RS256", kid=7), "kid) is no text", "fits"),
    ],
)
def test_each_fault_has_its_sentence(token, sentence, signature):
    audience = "" if "no aud" in sentence else "us"
    examined, words = said(token, **keys(), issuer=GOOD["iss"], audience=audience)
    assert sentence in words
    assert examined.signature == signature
    assert examined.tone in ("bad", "warn")


def test_a_weak_key_is_said_even_where_the_signature_fits():
    examined, words = said(
        signed(GOOD, alg="HS256", key=b"guessable"), keys=[shared_secret("guessable")], is_checked=True
    )
    assert examined.signature == "fits"
    assert "72 bits" in words
    assert examined.tone == "bad"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("abc", "not_three_parts"),
        ("a.b.c.d", "not_three_parts"),
        ("a.b.c.d.e", "encrypted"),
        ("x" * (MOST_CHARACTERS + 1), "too_long"),
        (f"{part({})}.é.", "bad_base64"),
        (f"{part({})}=.{part({})}.", "bad_base64"),
        (f"{part({})}.{part({})}.AB", "bad_base64"),
        (f"{part({})}.{part(b'[1]')}.", "bad_json"),
        (f"{part({})}.{part(b'{')}.", "bad_json"),
        (f"{part({})}.{part(b'\xff')}.", "bad_json"),
        (f"{part({})}.{part(b'{"a":NaN}')}.", "bad_json"),
        (f"{part({})}.{part(b'{"a":' + b'[' * 40 + b']' * 40 + b'}')}.", "bad_json"),
        (f"{part({})}.{part(b'[' * 5000)}.", "bad_json"),
        (f"{part({})}.{part(b'{"aud":"us","aud":"them"}')}.", "duplicate_name"),
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_no_jwt(text, code):
    with pytest.raises(NotAJWT) as refused:
        cut(text)
    assert refused.value.code == code
    assert sentence(refused.value.code, refused.value.part)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hello", "neither"),
        ("[]", "neither"),
        ("{}", "none_usable"),
        (json.dumps(jwks(use="enc")), "none_usable"),
        (json.dumps(jwks(key_ops=["encrypt"])), "none_usable"),
        ('{"kty":"oct","k":"c2VjcmV0"}', "private"),
        (key_of("ES256").as_pem(private=True).decode(), "private"),
        (json.dumps(key_of("ES256").as_dict(private=True)), "private"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "damaged"),
        ("-----BEGIN PUBLIC KEY-----", "damaged"),
        (json.dumps({"keys": [{}] * 65}), "too_many"),
    ],
)
def test_what_is_no_key_to_check_with_is_said(text, code):
    with pytest.raises(BadKey) as refused:
        public_keys(text)
    assert refused.value.code == code


def test_a_key_published_for_one_algorithm_checks_no_other():
    key = CheckingKey(key_of("RS256"), alg="RS256")
    assert [alg for alg in ("RS256", "PS256", "HS256", "ES256") if key.fits(alg)] == ["RS256"]


def answering(status, body):
    return lambda *_, **__: Answer(status, (), body)


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (answering(302, b""), "redirect"),
        (answering(500, b""), "status"),
        (answering(200, b"<html>"), "no_key_set"),
        (answering(200, b'{"keys": 3}'), "no_key_set"),
        (answering(200, b"[]"), "no_key_set"),
    ],
)
def test_what_is_no_key_set_is_not_taken_for_one(send, code):
    with pytest.raises(KeysNotFetched) as refused:
        fetched_keys("https://issuer.example/keys", send=send)
    assert refused.value.code == code


def test_a_private_address_is_not_called():
    def refusing(*_, **__):
        raise HostRefused("private")

    with pytest.raises(KeysNotFetched, match="host_refused"):
        fetched_keys("https://10.0.0.1/keys", send=refusing)
