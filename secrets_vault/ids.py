"""Identifiers that sort by the time they were made."""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_MS = 1_000_000


_MANY = 128
_ready: list[bytes] = []
os.register_at_fork(after_in_child=_ready.clear)  # two processes must not make the same ids


def _random() -> bytes:
    """Return 10 random bytes. The system is asked for many at a time: every call of the gateway has an id."""
    try:
        return _ready.pop()
    except IndexError:
        fresh = os.urandom(10 * _MANY)
        _ready.extend(fresh[at : at + 10] for at in range(10, 10 * _MANY, 10))
        return fresh[:10]


def uuid7(at_ms: int | None = None) -> UUID:
    """Return a UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix time in ms, then 74 random bits."""
    now_ms = time.time_ns() // _MS if at_ms is None else at_ms
    value = (now_ms & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(_random())
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def id_at(moment: datetime) -> UUID:
    """Return the smallest UUIDv7 of a moment: the ids made since then are no less."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def moment_of(made: UUID) -> datetime:
    """Return when a UUIDv7 was made, to the millisecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=made.int >> 80)
