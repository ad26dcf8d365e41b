"""Adyen's payment notifications: each item carries a signature over eight of its fields, and nothing else.

As JSON the list holds one item (docs.adyen.com). Several, each rightly signed, anybody may have put together: whoever
caught some could send them again and again, in ever another company. They prove what they say, but are no new event.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from integrations.webhooks import documents
from integrations.webhooks.decoding import decoded
from integrations.webhooks.schemes.functions.secrets import keys_of
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused

# Adyen 16.0.0, util.py: joined by colons, which are not escaped.
FIELDS = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
    "amount.value",
    "amount.currency",
    "eventCode",
    "success",
)


def prove(case: Case) -> Proven:
    """Return what the signatures prove: every item must have a right one, by the same secret. Raises Refused."""
    keys = keys_of(case, "hex")
    case.request.check_short()
    items = _items(case)
    contents = [_content(item) for item in items]
    claimed = [_signature(item) for item in items]
    if len(set(contents)) < len(contents):
        raise Refused("doubled", "The body holds the same notification item more than once.")
    for number, key in keys:
        right = [hmac.digest(key, content, hashlib.sha256) for content in contents]
        if all(hmac.compare_digest(*pair) for pair in zip(right, claimed, strict=True)):
            return Proven(b"".join(right), b"\n".join(sorted(contents)), number, is_put_together=len(items) > 1)
    raise Refused("mismatch", "The signature of an item does not fit.")


def signed(case: Case) -> bytes:
    """Return the bytes that should be signed, a line for each item. Raises Refused."""
    case.request.check_short()
    return b"\n".join(_content(item) for item in _items(case))


def _content(item: Any) -> bytes:
    return ":".join(documents.text_at(item, name) for name in FIELDS).encode()


def _items(case: Case) -> list[Any]:
    items = documents.values_at(case.request.document, "notificationItems.*.NotificationRequestItem")
    if not items or len(items) != len(documents.values_at(case.request.document, "notificationItems.*")):
        raise Refused("missing", "The body has no notification items, or one that is empty.")
    return items


def _signature(item: Any) -> bytes:
    written = documents.text_at(item, "additionalData.hmacSignature")
    if not written:
        raise Refused("missing", "An item lacks additionalData.hmacSignature.")
    try:
        signature = decoded(written, "base64")
    except ValueError:
        raise Refused("malformed", "The signature of an item is not written in base64.") from None
    if len(signature) != hashlib.sha256().digest_size:
        raise Refused("malformed", "The signature of an item is cut short.")
    return signature
