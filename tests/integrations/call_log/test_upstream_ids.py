"""What a provider calls a call: which header says it, and that no secret comes with it."""

from __future__ import annotations

import pytest

from integrations.call_log.rows import masker_for
from integrations.call_log.upstream_ids import masked_id, told_id

pytestmark = pytest.mark.matrix  # no database: one engine is enough

SECRET = "sk_live_CANARY0123456789abcdef"
HUBSPOT = (b"X-HubSpot-Correlation-Id", b"1b7e0c0e-7d2e-4e43-9d5d-0d1c2c0b6a11")


def upstream_id(headers, masker):
    """Return what is stored of an answer's head."""
    return masked_id(told_id(headers), masker)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([HUBSPOT], "1b7e0c0e-7d2e-4e43-9d5d-0d1c2c0b6a11"),
        ([(b"Request-Id", b"req_CAHg3kYmBQ9Vgb")], "req_CAHg3kYmBQ9Vgb"),
        ([(b"cf-ray", b"8e1f00aa11bb22cc-FRA"), (b"x-request-id", b"abcd1234")], "abcd1234"),
        ([(b"cf-ray", b"8e1f00aa11bb22cc-FRA")], "8e1f00aa11bb22cc-FRA"),
        ([(b"content-type", b"a/b")], ""),
        ([(b"x-request-id", b"")], ""),
        ([(b"x-request-id", b"<script>")], ""),
        ([(b"x-request-id", b"a b")], ""),
        ([(b"x-request-id", b"a" * 121)], ""),
        ([(b"x-request-id", b"abc\xff")], ""),
        ([], ""),
    ],
)
def test_the_most_telling_header_says_it(headers, said):
    assert upstream_id(headers, masker_for(())) == said


@pytest.mark.parametrize("value", [SECRET, f"id-{SECRET}", "AKIAIOSFODNN7EXAMPLE", "Bearer:" + SECRET])
def test_a_secret_that_is_repeated_there_is_masked(value):
    assert "CANARY0123456789" not in upstream_id([(b"x-request-id", value.encode())], masker_for((SECRET,)))


@pytest.mark.parametrize("value", ["5f7a1c2e5f7a1c2e5f7a1c2e5f7a1c2e", "0123456789abcdef"])
def test_a_credential_of_plain_hex_is_masked_too(value):
    assert value not in upstream_id([(b"x-request-id", value.encode())], masker_for((value,)))
