"""OAuth 1.0a: the examples of RFC 5849 and of X's own page, and what a form, a query and a body do to a signature."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest
from urllib.parse import quote

import pytest

from integrations.injecting import IncompleteCredential, injected, prepared
from integrations.injecting.oauth1 import NotSignable, Signer
from integrations.providers.injection import Injection

pytestmark = pytest.mark.matrix  # no database: one engine is enough

FORM = [(b"Content-Type", b"application/x-www-form-urlencoded; charset=utf-8")]
FIELDS = {"username": "ck", "password": "c-CANARY", "oauth_token": "tk", "oauth_token_secret": "t-CANARY"}


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


NOW = at(1)


def signed(signer, method="GET", base="https://api.example.com", target=b"/x", headers=(), body=b"", now=NOW):
    """Return the header's fields by name."""
    ((name, value),) = signer.headers(method, base=base, target=target, headers=headers, body=body, now=now)
    assert name == b"Authorization"
    assert value.startswith(b"OAuth ")
    pairs = (part.split("=", 1) for part in value.decode()[6:].split(", "))
    return {name: text.strip('"') for name, text in pairs}


def plain(method="HMAC-SHA1", **more):
    return Signer(("ck", "cs"), ("tk", "ts"), method=method, nonce=lambda: "n", **more)


def test_the_rfcs_own_example():
    """RFC 5849 section 1.2: the photos of Jane."""
    signer = Signer(
        ("dpf43f3p2l4k3l03", "kd94hf93k423kf44"),
        ("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"),
        method="HMAC-SHA1",
        realm="Photos",
        version="",
        nonce=lambda: "chapoH",
    )
    sent = signed(
        signer,
        base="http://photos.example.net",
        target=b"/photos?file=vacation.jpg&size=original",
        now=at(137131202),
    )
    assert sent == {
        "realm": "Photos",
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_token": "nnch734d00sl2jdk",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131202",
        "oauth_nonce": "chapoH",
        "oauth_signature": "MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D",
    }


@pytest.mark.parametrize(
    ("host", "signature"),
    [("api.twitter.com", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="), ("api.x.com", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4=")],
)
def test_xs_own_example_with_a_form(host, signature):
    """https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature, read 2026-11-22."""
    signer = Signer(
        ("xvz1evFS4wEEPTGEFPHBog", "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
        ("370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
        method="HMAC-SHA1",
        nonce=lambda: "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
    )
    body = b"status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21"
    sent = signed(
        signer,
        "POST",
        f"https://{host}",
        b"/1.1/statuses/update.json?include_entities=true",
        FORM,
        body,
        now=at(1318622958),
    )
    assert sent["oauth_signature"] == quote(signature, safe="")


def test_netsuite_signs_with_sha256_for_its_realm():
    """The inputs of Oracle's page section_1534941088, read 2026-11-22, put together by hand."""
    consumer = "ef40afdd8abaac111b13825dd5e5e2ddddb44f86d5a0dd6dcf38c20aae6b67e4"
    token = "2b0ce516420110bcbd36b69e99196d1b7f6de3c6234c5afb799b73d87569f5cc"
    secrets = (
        "d26ad321a4b2f23b0741c8d38392ce01c3e23e109df6c96eac6d099e9ab9e8b5",
        "c29a677df7d5439a458c063654187e3d678d73aca8e3c9d8bea1478a3eb0d295",
    )
    signer = Signer(
        (consumer, secrets[0]),
        (token, secrets[1]),
        method="HMAC-SHA256",
        realm="123456",
        nonce=lambda: "fjaLirsIcCGVZWzBX0pg",
    )
    query = b"script=6&deploy=1&customParam=someValue&testParam=someOtherValue"
    sent = signed(
        signer,
        "POST",
        "https://123456.restlets.api.netsuite.com",
        b"/app/site/hosting/restlet.nl?" + query,
        now=at(1508242306),
    )
    base = (
        "POST&https%3A%2F%2F123456.restlets.api.netsuite.com%2Fapp%2Fsite%2Fhosting%2Frestlet.nl"
        f"&customParam%3DsomeValue%26deploy%3D1%26oauth_consumer_key%3D{consumer}"
        "%26oauth_nonce%3DfjaLirsIcCGVZWzBX0pg%26oauth_signature_method%3DHMAC-SHA256"
        f"%26oauth_timestamp%3D1508242306%26oauth_token%3D{token}%26oauth_version%3D1.0"
        "%26script%3D6%26testParam%3DsomeOtherValue"
    )
    wanted = b64encode(digest("&".join(secrets).encode(), base.encode(), sha256)).decode()
    assert sent["oauth_signature"] == quote(wanted, safe="")
    assert sent["realm"] == "123456"


def test_a_form_is_signed_and_no_other_body():
    one = signed(plain(), "POST", headers=FORM, body=b"a=1")["oauth_signature"]
    assert one != signed(plain(), "POST", headers=FORM, body=b"a=2")["oauth_signature"]
    json = [(b"content-type", b"application/json")]
    same = signed(plain(), "POST", headers=json, body=b'{"a": 1}')["oauth_signature"]
    assert same == signed(plain(), "POST", headers=json, body=b'{"a": 2}')["oauth_signature"]
    assert same == signed(plain(), "POST")["oauth_signature"]


@pytest.mark.parametrize("other", [b"/x?a=2", b"/y?a=1", b"/x?a=1&realm=z", b"/x?a=1&b"])
def test_each_part_of_the_address_is_signed(other):
    assert signed(plain(), target=b"/x?a=1")["oauth_signature"] != signed(plain(), target=other)["oauth_signature"]


def test_a_space_may_be_written_both_ways_and_order_does_not_matter():
    ways = [b"/x?b=1&a=c%20d", b"/x?a=c+d&b=1"]
    assert len({signed(plain(), target=way)["oauth_signature"] for way in ways}) == 1


def test_every_request_has_its_own_nonce():
    signer = Signer(("ck", "cs"), ("tk", "ts"), method="HMAC-SHA1")
    assert len({signed(signer)["oauth_nonce"] for _ in range(20)}) == 20


@pytest.mark.parametrize("target", [b"/x?a=%ff", b"/x?a=\xc3\xa4", b"/\xff"])
def test_what_is_not_text_is_not_signed(target):
    with pytest.raises(NotSignable) as refused:
        signed(plain(), target=target)
    assert "ff" not in str(refused.value)


def test_no_secret_is_in_what_is_sent_or_shown():
    ready = injected(Injection("oauth1", method="HMAC-SHA1"), "basic", FIELDS)
    request = prepared(
        ready, "GET", "https://api.example.com/x", base_url="https://api.example.com", headers={}, now=at(1)
    )
    assert "CANARY" not in f"{ready!r} {request!r} {request.headers} {ready.signer!r}"
    assert ready.texts == ("c-CANARY", "tk", "t-CANARY")


@pytest.mark.parametrize("missing", list(FIELDS))
def test_four_values_are_needed(missing):
    with pytest.raises(IncompleteCredential):
        injected(Injection("oauth1", method="HMAC-SHA1"), "basic", FIELDS | {missing: ""})


@pytest.mark.parametrize(
    "facts",
    [
        {"method": "PLAINTEXT"},
        {"method": ""},
        {"method": "HMAC-SHA1", "name": "X"},
        {"method": "HMAC-SHA1", "realm": 'a" b'},
        {"method": "HMAC-SHA1", "service": "s3"},
    ],
)
def test_facts_that_sign_otherwise_are_refused(facts):
    with pytest.raises(ValueError, match=r"method|name|realm|service"):
        Injection("oauth1", **facts)
