"""What makes two requests the same event.

An id counts alone only where the signature covers it. Else whoever caught one request could send it again under
another id, so the signature with all that it covers must be new as well. A refused request is never asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrations.webhooks.verdicts import Verified

LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """What is unique within an endpoint; None is not compared."""

    event_key: str | None
    replay_digest: bytes | None


def identity_of(verified: Verified, *, is_repeating: bool = False) -> Identity:
    """Return what no second event of the endpoint may share.

    `is_repeating`: the vendor rightly sends equal bytes for different events (Dropbox's pings), so they say nothing.
    """
    key = storable_key(verified.event_id) if verified.event_id else None
    if is_repeating or (key and verified.is_id_signed):
        return Identity(key, None)
    return Identity(key, verified.replay_digest or None)


def storable_key(event_id: str) -> str:
    """Return an id that every database stores and compares: a long one, or one with odd characters, by its digest."""
    if len(event_id) <= LONGEST_KEY and event_id.isprintable():
        return event_id
    return f"sha256:{sha256(event_id.encode('utf-8', 'surrogatepass')).hexdigest()}"
