"""What a provider calls a call: the id that its support asks for, found in the head of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from secrets_vault.masking import Masker, mask_id

Headers = Iterable[tuple[bytes, bytes]]

LONGEST = 120
# As the providers' pages on errors and support name them, the most telling first: a gateway in front of a provider
# adds ids of its own (cf-ray), which help only where nothing else is there.
NAMES = (
    b"request-id", b"x-request-id", b"x-hubspot-correlation-id", b"x-amzn-requestid", b"x-amz-request-id",
    b"x-github-request-id", b"x-slack-req-id", b"x-ms-request-id", b"x-shopify-request-id", b"twilio-request-id",
    b"paypal-debug-id", b"intuit_tid", b"xero-correlation-id", b"x-airtable-request-id", b"x-notion-request-id",
    b"x-zoom-trackingid", b"x-trace-id", b"x-correlation-id", b"x-guploader-uploadid", b"apigw-requestid", b"cf-ray",
)  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(NAMES)}
_RANKED = _RANK.get
_IS_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{4,120}")


def told_id(headers: Headers) -> bytes:
    """Return the id as the answer says it, unmasked; b"" where it has none."""
    best, said = len(NAMES), b""
    for name, value in headers:
        rank = _RANKED(name.lower(), best)
        if rank < best:
            best, said = rank, value
    return said if _IS_ID.fullmatch(said) else b""


def is_id(text: str) -> bool:
    """Tell whether a text may be a provider's request id."""
    return text.isascii() and _IS_ID.fullmatch(text.encode("ascii")) is not None


def masked_id(told: bytes, masker: Masker) -> str:
    """Return the id as it is stored: a secret may be repeated there, even one that looks like an id."""
    return str(mask_id(told.decode("ascii"), masker))[:LONGEST] if told else ""
