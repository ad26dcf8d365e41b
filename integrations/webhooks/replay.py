"""What makes two requests the same event.

The id, and all that is signed: an event that shares either with another one is its copy. An id that no signature
covers can be changed by whoever caught a request. One that is covered can be hidden: where an address and a body are
signed one after the other, bytes moved from one to the other make a request without an id under the same signature.
A refused request is never asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from secrets_vault import vault

if TYPE_CHECKING:
    from integrations.webhooks.verdicts import Verified

LONGEST_KEY = 200
DIGEST = "webhook-replay"  # keyed: of a short body, and of a secret in an address, a bare hash could be guessed


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
    digest = None if is_repeating or not verified.replay_digest else vault.keyed_hash(DIGEST, verified.replay_digest)
    return Identity(key, digest)


def storable_key(event_id: str) -> str:
    """Return an id that every database stores and compares: a long one, or one with odd characters, by its digest."""
    if len(event_id) <= LONGEST_KEY and event_id.isprintable():
        return event_id
    return f"sha256:{sha256(event_id.encode('utf-8', 'surrogatepass')).hexdigest()}"
