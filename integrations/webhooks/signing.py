"""Our signature on what we hand on, as Standard Webhooks writes it (standardwebhooks.com, specification 1.0.0).

A receiver checks it with any of that project's libraries, and drops by `webhook-id` what it has seen already.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from secrets_vault.secret import Secret

PREFIX = "whsec_"
ID, TIMESTAMP, SIGNATURE, ATTEMPT = b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"webhook-attempt"
OURS = frozenset({ID, TIMESTAMP, SIGNATURE, ATTEMPT})
Headers = list[tuple[bytes, bytes]]


def signed_headers(body: bytes, secrets: Sequence[Secret], *, event_id: UUID, attempt: int, now: datetime) -> Headers:
    """Return the id, the time, one signature for each secret, and which attempt this is, counted from 1.

    The id is the event's and stays the same whenever it is sent. While a secret rolls, both sign.
    """
    written_id, at = str(event_id).encode("ascii"), b"%d" % int(now.timestamp())
    content = b".".join((written_id, at, body))
    headers = [(ID, written_id), (TIMESTAMP, at), (ATTEMPT, b"%d" % attempt)]
    signatures = b" ".join(b"v1," + _signature(secret, content) for secret in secrets)
    return [*headers, (SIGNATURE, signatures)] if signatures else headers


def _signature(secret: Secret, content: bytes) -> bytes:
    return base64.b64encode(hmac.new(_key(secret), content, hashlib.sha256).digest())


def _key(secret: Secret) -> bytes:
    """Return the bytes to sign with. A secret that somebody stored in another form counts as it is written."""
    text = secret.expose()
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else text.encode()
    except binascii.Error:
        return text.encode()
