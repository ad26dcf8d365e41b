"""A sender's question whether the address is ours, and the answer that it wants."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from integrations.webhooks.schemes.registry import all_schemes
from integrations.webhooks.verify import Handshake
from tests.integrations.webhooks import signing_by_key, signing_by_secret
from tests.integrations.webhooks.asking import ask, reason
from tests.integrations.webhooks.signer import NOW, URL, Made, b64, mac, make

pytestmark = pytest.mark.matrix  # no database: one engine is enough

assert signing_by_secret
SECRET = "a-shared-secret"


def get(query: str, *headers: tuple[str, str]) -> Made:
    return Made(SECRET, "none", headers, b"", url=f"{URL}?{query}", method="GET")


def post(body: object, *headers: tuple[str, str], query: str = "") -> Made:
    return Made(SECRET, "none", headers, json.dumps(body).encode(), url=URL + query)


ECHOES = [
    ("dropbox", get("challenge=a%2Bb"), b"a+b"),
    ("meta", get("hub.mode=subscribe&hub.verify_token=t&hub.challenge=1158201444"), b"1158201444"),
    ("microsoft_graph", Made(SECRET, "none", (), b"", url=f"{URL}?validationToken=Validation%3A+1"), b"Validation: 1"),
    ("slack", make("slack", b'{"type":"url_verification","challenge":"3eZbrw1a"}'), b"3eZbrw1a"),
]
JSON_ANSWERS = [
    ("okta", get("", ("X-Okta-Verification-Challenge", "v1")), {"verification": "v1"}),
    ("monday", post({"challenge": "c1"}), {"challenge": "c1"}),
    (
        "x_twitter",
        get("crc_token=abc&nonce=x"),
        {"response_token": "sha256=" + b64(mac(SECRET, b"abc"))},
    ),
    (
        "zoom",
        make("zoom", b'{"event":"endpoint.url_validation","payload":{"plainToken":"q9ib"}}'),
        {"plainToken": "q9ib", "encryptedToken": mac(SECRET, b"q9ib").hex()},
    ),
    ("discord", make("discord", b'{"type":1}'), {"type": 1}),
]


@pytest.mark.parametrize(("name", "made", "echo"), ECHOES, ids=[one[0] for one in ECHOES])
def test_a_challenge_is_echoed_as_plain_text(name, made, echo):
    said = ask(name, made)
    assert isinstance(said, Handshake)
    assert (said.status, said.content_type, said.body) == (200, "text/plain; charset=utf-8", echo)


@pytest.mark.parametrize(("name", "made", "answer"), JSON_ANSWERS, ids=[one[0] for one in JSON_ANSWERS])
def test_a_challenge_is_answered_in_json(name, made, answer):
    said = ask(name, made)
    assert (said.status, said.content_type) == (200, "application/json")
    assert json.loads(said.body) == answer


def test_a_signed_handshake_says_so_and_one_that_proves_nothing_does_not():
    assert ask("zoom", JSON_ANSWERS[3][1]).is_signed
    assert not ask("dropbox", ECHOES[0][1]).is_signed


def test_x_goes_on_asking_every_hour_and_nobody_else_does_unsigned():
    repeating = {scheme.key for scheme in all_schemes() if any(one.is_repeated for one in scheme.handshakes)}
    assert repeating == {"x_twitter"}
    said = ask("x_twitter", JSON_ANSWERS[2][1])
    assert (said.is_repeated, said.is_signed) == (True, False)


def test_what_x_has_signed_for_anybody_is_no_event():
    """X signs events and challenges alike, so whoever asks the challenge has the signature of a token."""
    token = "forged-event_1"
    answer = json.loads(ask("x_twitter", get(f"crc_token={token}")).body)["response_token"]
    forged = Made(SECRET, answer, (("x-twitter-webhooks-signature", answer),), token.encode())
    assert reason("x_twitter", forged) == "malformed"


@pytest.mark.parametrize("name", ["slack", "zoom", "discord"])
def test_a_handshake_that_should_be_signed_is_refused_unsigned(name):
    bodies = {one[0]: one[1] for one in [*ECHOES, *JSON_ANSWERS]}
    made = bodies[name]
    assert reason(name, replace(made, headers=())) == "missing"
    assert reason(name, made, secrets=(make(name).other_secret,)) == "mismatch"
    assert reason(name, made, at=NOW + 301) == "stale"


def test_asana_brings_its_secret_and_wants_it_back():
    said = ask("asana", Made("", "none", (("X-Hook-Secret", "s3cret"),), b"{}"), secrets=())
    assert (said.status, said.headers, said.body) == (200, (("X-Hook-Secret", "s3cret"),), b"")
    assert said.secret_to_keep.expose() == "s3cret"
    assert "s3cret" not in repr(said.secret_to_keep)


def test_notion_brings_its_token_once():
    said = ask("notion", post({"verification_token": "secret_t"}), secrets=())
    assert (said.status, said.body) == (200, b"")
    assert said.secret_to_keep.expose() == "secret_t"


def test_xero_asks_with_an_empty_batch_rightly_and_wrongly_signed():
    made = make("xero", b'{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3"}')
    said = ask("xero", made)
    assert (said.status, said.body, said.is_signed) == (200, b"", True)
    assert reason("xero", made, secrets=("another",)) == "mismatch"


@pytest.mark.parametrize("name", ["trello", "mandrill"])
def test_a_head_request_checks_the_address(name):
    assert ask(name, Made(SECRET, "none", (), b"", method="HEAD")).status == 200


def test_sns_asks_to_visit_an_address_of_its_own():
    message = json.loads(make("aws_sns").body)
    told = {**message, "Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": SNS_URL}
    assert ask("aws_sns", sns(told)).visit == SNS_URL
    assert ask("aws_sns", sns(told)).is_signed
    for other in ("https://evil.example/?sns.eu-central-1.amazonaws.com", "http://sns.eu-central-1.amazonaws.com/", ""):
        assert reason("aws_sns", sns({**told, "SubscribeURL": other})) in ("malformed", "missing")


SNS_URL = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"


def sns(message: dict[str, str]) -> Made:
    """Sign a confirmation as SNS does."""
    names = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{message[name]}\n" for name in names)
    body = json.dumps({**message, "Signature": signing_by_key.rsa_signature(text.encode())}).encode()
    return replace(make("aws_sns"), body=body)


@pytest.mark.parametrize("value", ["a" * 5000, "a%0D%0Ab", "", "%ff"])
def test_what_cannot_be_sent_back_is_refused(value):
    assert reason("dropbox", get(f"challenge={value}")) in ("malformed", "missing")


def test_a_challenge_given_twice_is_refused():
    assert reason("dropbox", get("challenge=a&challenge=b")) == "doubled"
    assert reason("x_twitter", get("crc_token=a"), secrets=()) == "no_secret"


@pytest.mark.parametrize("forged", ['{"id":1}', "[1]", "v0:1:x", '"a"', "a b", "a" * 300])
def test_a_challenge_that_could_be_an_event_is_not_signed(forged):
    """X signs a challenge as it signs a body: signing anything would be forging for anyone."""
    made = get(f"crc_token={quote(forged)}")
    assert reason("x_twitter", made) == "malformed"


def test_an_event_is_no_handshake():
    assert reason("slack", make("slack", b'{"type":"event_callback","challenge":"x"}')) == "valid"
    assert reason("meta", get("hub.mode=unsubscribe&hub.verify_token=t&hub.challenge=1")) == "missing"
    assert reason("dropbox", replace(get("challenge=x"), method="POST")) == "missing"
