"""A gateway token's own limits: addresses, calls per minute and day, uses in all.

Web processes take calls from a shared row in blocks, by conditional update: together they never pass
the limit, and most calls touch no database. What is left of a block when its window ends is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.db import DatabaseError
from django.db.models import F

from integrations.gateway.problems import Problem
from integrations.gateway.route import TokenFacts
from integrations.models import TokenWindow

ALL_TIME = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS = {"minute": timedelta(minutes=1), "day": timedelta(days=1)}
BLOCKS = 20

InThread = Callable[..., Awaitable[Any]]


def check_address(token: TokenFacts, ip: str) -> None:
    """Raise Problem ip_not_allowed unless the caller's address is in one of the token's ranges."""
    if not token.networks:
        return
    try:
        address = ip_address(ip)
    except ValueError:
        raise Problem("ip_not_allowed") from None
    mapped = getattr(address, "ipv4_mapped", None) or address
    if not any(mapped in network for network in token.networks):
        raise Problem("ip_not_allowed")


@dataclass(slots=True)
class _Lease:
    starts_at: datetime
    limit: int
    left: int = 0
    is_spent: bool = False
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Throttle:
    """The leased blocks of one process."""

    def __init__(self, in_thread: InThread, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._in_thread = in_thread
        self._now = now
        self._leases: dict[tuple[UUID, str], _Lease] = {}

    async def take(self, token: TokenFacts) -> None:
        """Count one call; raises Problem token_limited with the time until the window ends."""
        for window, limit in (("minute", token.per_minute), ("day", token.per_day), ("uses", token.max_uses)):
            if limit is not None:
                await self._take_one(token.id, window, limit=limit)

    async def _take_one(self, token_id: UUID, window: str, *, limit: int) -> None:
        now = self._now()
        starts_at = starts(window, now)
        lease = self._leases.get((token_id, window))
        if lease is None or (lease.starts_at, lease.limit) != (starts_at, limit):  # a changed limit holds at once
            lease = self._leases[(token_id, window)] = _Lease(starts_at, limit)
        if lease.left == 0 and not lease.is_spent:
            async with lease.asking:  # however many calls wait, one block at a time is taken
                await self._ask_for_more(lease, token_id, window, limit=limit)
        if lease.left == 0:
            raise Problem("token_limited", retry_after_s=seconds_left(window, now))
        lease.left -= 1

    async def _ask_for_more(self, lease: _Lease, token_id: UUID, window: str, *, limit: int) -> None:
        if lease.left or lease.is_spent:
            return
        try:
            lease.left = await self._in_thread(lease_block, token_id, window, starts_at=lease.starts_at, limit=limit)
        except DatabaseError:
            raise Problem("unavailable", retry_after_s=1) from None
        lease.is_spent = lease.left == 0


def starts(window: str, now: datetime) -> datetime:
    """Return when the current window began; "uses" never begins anew."""
    if window == "minute":
        return now.replace(second=0, microsecond=0)
    if window == "day":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    return ALL_TIME


def seconds_left(window: str, now: datetime) -> float | None:
    """Return how long until the window ends, or None for one that does not."""
    if window not in WINDOWS:
        return None
    return (starts(window, now) + WINDOWS[window] - now).total_seconds()


def lease_block(token_id: UUID, window: str, *, starts_at: datetime, limit: int) -> int:
    """Take up to a twentieth of the limit for this process; return how many calls were granted, 0 when none is left."""
    row, _ = TokenWindow.objects.get_or_create(token_id=token_id, window=window, starts_at=starts_at)
    wanted = 1 if window == "uses" else max(1, limit // BLOCKS)
    for block in dict.fromkeys((wanted, 1)):
        free = TokenWindow.objects.filter(pk=row.pk, leased__lte=limit - block)
        if free.update(leased=F("leased") + block):
            return block
    return 0
