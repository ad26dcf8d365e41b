"""Signature Version 4: AWS's own published vectors, and whole requests as botocore signs them."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from integrations.injecting.sigv4 import UNSIGNED, Signer, canonical_request, given_hash, is_signed_in_chunks

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # AWS's example, no credential
AT = "20150830T123600Z"
NOTHING = sha256(b"").hexdigest()
HOST = (b"Host", b"example.amazonaws.com")
DATE = (b"X-Amz-Date", AT.encode())
LETTERS = b"-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def my(number: int, value: bytes) -> tuple[bytes, bytes]:
    """Return a header as the suite names them."""
    return b"My-Header%d" % number, value


# aws-sig-v4-test-suite (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4), read 2026-11-22: name, method, target,
# headers beside Host and X-Amz-Date, whether the path is taken as it is, signature.
SUITE = [
    ("get-vanilla", "GET", b"/", [], False, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("post-vanilla", "POST", b"/", [], False, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        *("get-vanilla-query-order-key-case", "GET", b"/?Param2=value2&Param1=value1", [], False),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        *("get-vanilla-query-unreserved", "GET", b"/?" + LETTERS + b"=" + LETTERS, [], False),
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    (
        *("get-vanilla-utf8-query", "GET", "/?ሴ=bar".encode(), [], False),
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        *("get-header-key-duplicate", "GET", b"/", [my(1, b"value2"), my(1, b"value2"), my(1, b"value1")], False),
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        *("get-header-value-order", "GET", b"/", [my(1, b"value%d" % n) for n in (4, 1, 3, 2)], False),
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    (
        *("get-header-value-trim", "GET", b"/", [my(1, b" value1"), my(2, b' "a   b   c"')], False),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        *("get-unreserved", "GET", b"/" + LETTERS, [], False),
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    ("get-utf8", "GET", "/ሴ".encode(), [], False, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    (
        *("get-space-unnormalized", "GET", b"/example space/", [], True),
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    (
        *("get-slashes-unnormalized", "GET", b"//example//", [], True),
        "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
    ),
]


@pytest.mark.parametrize(("name", "method", "target", "headers", "as_is", "signature"), SUITE)
def test_a_request_of_awss_own_suite_gets_its_signature(name, method, target, headers, as_is, signature):
    canonical = canonical_request(method, target, [HOST, *headers, DATE], payload_hash=NOTHING, is_path_as_is=as_is)
    signer = Signer(KEY_ID, SECRET, region="us-east-1", service="service")
    assert signer.signature(canonical, at=AT) == signature, name


def test_the_canonical_request_is_the_published_one():
    assert canonical_request("GET", b"/?Param2=value2&Param1=value1", [HOST, DATE], payload_hash=NOTHING) == "\n".join(
        [
            *("GET", "/", "Param1=value1&Param2=value2", "host:example.amazonaws.com", f"x-amz-date:{AT}"),
            *("", "host;x-amz-date", NOTHING),
        ]
    )


NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
JSON_1_0 = [
    (b"Content-Type", b"application/x-amz-json-1.0"),
    (b"X-Amz-Target", b"DynamoDB_20120810.ListTables"),
    (b"User-Agent", b"n8n"),
]
# Signed by botocore 1.44.5 (SigV4Auth, S3SigV4Auth) on 2026-11-22 with the same key, time and bytes.
BOTOCORE = [
    (
        *("s3", "eu-central-1", "", "PUT", b"acme.s3.eu-central-1.amazonaws.com"),
        *(b"/reports/2026%20Q1/a%2Bb%C3%A4.txt?x-id=PutObject&acl", [(b"Content-Type", b"text/plain")]),
        *(sha256(b"hello").hexdigest(), "content-type;host;x-amz-content-sha256;x-amz-date"),
        "27cf2d62b7868f5b62033a9dba2cd25331f1c13b873947f08ae96a306b0af881",
    ),
    (
        *("s3", "eu-central-1", "SESSION+/token==", "GET", b"acme.s3.eu-central-1.amazonaws.com"),
        *(b"/?prefix=a%2Fb&list-type=2&delimiter=%2F", [], NOTHING),
        "host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
        "cf79443611c24be6c74acb1c6d3d1f3ef17766ea9a47652bd334fbc46be250ea",
    ),
    (
        *("s3", "eu-central-1", "", "PUT", b"acme.s3.eu-central-1.amazonaws.com", b"/big", [], UNSIGNED),
        "host;x-amz-content-sha256;x-amz-date",
        "e877e23b7731745152f164a756375585e1efc947bbb9e0837044347ca61cd70f",
    ),
    (
        *("dynamodb", "us-east-1", "", "POST", b"dynamodb.us-east-1.amazonaws.com", b"/", JSON_1_0),
        *(sha256(b'{"Limit": 5}').hexdigest(), "content-type;host;x-amz-date;x-amz-target"),
        "52f12bc39856a4b1b2da63e88b7b114c8dc15dad66362e6a73a45302a33cb852",
    ),
    (
        *("ses", "eu-west-1", "", "GET", b"email.eu-west-1.amazonaws.com"),
        *(b"/v2/email/identities/ada%40example.com?PageSize=2", [], NOTHING, "host;x-amz-date"),
        "fefdb3e347953261b18a00dcf2a5bb85e2c0b8ba516ce996524e9f26b42f73cf",
    ),
]


@pytest.mark.parametrize(
    ("service", "region", "session", "method", "host", "target", "headers", "payload", "signed", "signature"), BOTOCORE
)
def test_a_whole_request_is_signed_as_botocore_signs_it(
    service, region, session, method, host, target, headers, payload, signed, signature
):
    signer = Signer(KEY_ID, SECRET, session, region=region, service=service)
    added = dict(signer.headers(method, host=host, target=target, headers=headers, payload_hash=payload, now=NOW))
    assert (
        added[b"Authorization"]
        == (
            f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20261122/{region}/{service}/aws4_request, "
            f"SignedHeaders={signed}, Signature={signature}"
        ).encode()
    )
    assert added[b"X-Amz-Date"] == b"20261122T150000Z"
    assert added.get(b"X-Amz-Security-Token", b"") == session.encode()


def test_a_body_that_the_caller_signed_in_chunks_is_known():
    assert is_signed_in_chunks([(b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD")])
    assert not is_signed_in_chunks([(b"X-Amz-Content-Sha256", NOTHING.encode())])
    assert given_hash([(b"X-Amz-Content-Sha256", NOTHING.encode())]) == NOTHING
    assert given_hash([(b"X-Amz-Content-Sha256", b"UNSIGNED-PAYLOAD")]) == ""


def test_a_signer_shows_nothing_of_its_key():
    shown = repr(Signer(KEY_ID, SECRET, "session-token", region="r", service="s"))
    assert SECRET not in shown
    assert "session-token" not in shown
