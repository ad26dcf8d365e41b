"""Adyen's payment notifications: the item carries a signature over eight of its fields, and nothing else.

The list holds one item (so says docs.adyen.com of JSON). Two, each rightly signed, are put together by somebody else:
whoever caught one could send it again and again, in ever another company.
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
    """Return what the signature proves. Raises Refused."""
    keys = keys_of(case, "hex")
    case.request.check_short()
    item = _item(case)
    content = _content(item)
    claimed = _signature(item)
    for number, key in keys:
        right = hmac.digest(key, content, hashlib.sha256)
        if hmac.compare_digest(right, claimed):
            return Proven(right, content, number)
    raise Refused("mismatch", "The signature of the item does not fit.")


def signed(case: Case) -> bytes:
    """Return the bytes that should be signed. Raises Refused."""
    case.request.check_short()
    return _content(_item(case))


def _content(item: Any) -> bytes:
    return ":".join(documents.text_at(item, name) for name in FIELDS).encode()


def _item(case: Case) -> Any:
    wrapped = documents.values_at(case.request.document, "notificationItems.*")
    items = [item for one in wrapped for item in documents.values_at(one, "NotificationRequestItem")]
    if len(wrapped) > 1 or len(items) > 1:
        raise Refused("doubled", "The body has more than one notification item.")
    if not items:
        raise Refused("missing", "The body has no notification item.")
    return items[0]


def _signature(item: Any) -> bytes:
    written = documents.text_at(item, "additionalData.hmacSignature")
    if not written:
        raise Refused("missing", "The item lacks additionalData.hmacSignature.")
    try:
        signature = decoded(written, "base64")
    except ValueError:
        raise Refused("malformed", "The signature of the item is not written in base64.") from None
    if len(signature) != hashlib.sha256().digest_size:
        raise Refused("malformed", "The signature of the item is cut short.")
    return signature
