"""One signature has one writing: what a careless decoder would take for the same bytes is refused."""

from __future__ import annotations

import base64

import pytest

from integrations.webhooks.decoding import decoded, encoded
from tests.integrations.webhooks import signing_by_secret
from tests.integrations.webhooks.asking import reason, with_signature
from tests.integrations.webhooks.signer import b64, make

pytestmark = pytest.mark.matrix  # no database: one engine is enough

assert signing_by_secret
RAW = bytes(range(32))
WRITTEN = b64(RAW)  # ends in `x8=`: of the last letter's six bits two are spare
URLSAFE = base64.urlsafe_b64encode(RAW).decode().rstrip("=")

WRONG = [
    ("base64", WRITTEN.rstrip("=")),
    ("base64", WRITTEN + "="),
    ("base64", WRITTEN[:-2] + "9="),
    ("base64", WRITTEN[:-2] + "+="),
    ("base64", f"{WRITTEN[:20]}\n{WRITTEN[20:]}"),
    ("base64", f" {WRITTEN}"),
    ("base64", f"{WRITTEN}\n"),
    ("base64", WRITTEN[:10] + "=" + WRITTEN[10:]),
    ("base64", "-_-_"),
    ("base64", "é==="),
    ("base64url", URLSAFE + "="),
    ("base64url", URLSAFE[:-1] + "9"),
    ("base64url", "+/+/"),
    ("base64url", "A"),
    ("hex", RAW.hex()[:-1]),
    ("hex", RAW.hex() + " "),
    ("hex", f"{RAW.hex()[:2]} {RAW.hex()[2:]}"),
    ("hex", "0x" + RAW.hex()),
    ("hex", "٣" * 4),
]


@pytest.mark.parametrize(("encoding", "written"), WRONG)
def test_any_other_writing_is_refused(encoding, written):
    with pytest.raises(ValueError):
        decoded(written, encoding)


@pytest.mark.parametrize("encoding", ["hex", "base64", "base64url"])
def test_bytes_come_back_as_they_were_written(encoding):
    assert decoded(encoded(RAW, encoding), encoding) == RAW


def test_a_signature_whose_spare_bits_were_set_is_not_the_same_signature():
    made = make("shopify")
    last = made.written[-2]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = letters[letters.index(last) ^ 1]
    assert base64.b64decode(made.written[:-2] + other + "=") == base64.b64decode(made.written)
    assert reason("shopify", with_signature(made, made.written[:-2] + other + "=")) == "malformed"
