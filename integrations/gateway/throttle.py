"""A gateway token's own limits: addresses, calls per minute and day, uses in all, a least time between two calls.

Web processes take calls from a shared row in blocks, by conditional update: together they never pass
the limit, and most calls touch no database. What is left of a block when its window ends is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, OperationalError
from django.db.models import F

from integrations.caller_networks import is_among
from integrations.gateway.problems import Problem
from integrations.gateway.route import TokenFacts
from integrations.models import TokenWindow

ALL_TIME = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS = {"minute": timedelta(minutes=1), "day": timedelta(days=1)}
BLOCKS = 20
LONGEST_WAIT_S = 30.0  # what a call waits for its turn; longer is the caller's to wait
TRIES = 100

InThread = Callable[..., Awaitable[Any]]


def check_address(token: TokenFacts, ip: str) -> None:
    """Raise Problem ip_not_allowed unless the caller's address is in one of the token's ranges."""
    if token.networks and not is_among(ip, token.networks):
        raise Problem("ip_not_allowed")


@dataclass(slots=True)
class _Lease:
    starts_at: datetime
    limit: int
    left: int = 0
    is_spent: bool = False
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Blocks:
    """The blocks that one process has taken of shared rows."""

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._leases: dict[tuple[UUID, str], _Lease] = {}

    async def take(self, owner: UUID, window: str, *, starts_at: datetime, limit: int) -> bool:
        """Take one of the window that began then; tell whether one was left. Raises DatabaseError."""
        lease = self._leases.get((owner, window))
        if lease is None or (lease.starts_at, lease.limit) != (starts_at, limit):  # a changed limit holds at once
            lease = self._leases[(owner, window)] = _Lease(starts_at, limit)
        if lease.left == 0 and not lease.is_spent:
            async with lease.asking:  # however many calls wait, one block at a time is taken
                await self._ask_for_more(lease, owner, window)
        if lease.left == 0:
            return False
        lease.left -= 1
        return True

    async def _ask_for_more(self, lease: _Lease, owner: UUID, window: str) -> None:
        if lease.left or lease.is_spent:
            return
        lease.left = await self._in_thread(lease_block, owner, window, starts_at=lease.starts_at, limit=lease.limit)
        lease.is_spent = lease.left == 0


class Throttle:
    """The limits of the tokens that call this process."""

    def __init__(self, in_thread: InThread, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._in_thread = in_thread
        self._now = now
        self._blocks = Blocks(in_thread)
        self._asking: dict[UUID, asyncio.Lock] = {}

    async def take(self, token: TokenFacts) -> None:
        """Count one call; raises Problem token_limited with the time until the window ends."""
        for window, limit in (("minute", token.per_minute), ("day", token.per_day), ("uses", token.max_uses)):
            if limit is not None:
                await self._take_one(token.id, window, limit=limit)

    async def wait_for_turn(self, token: TokenFacts) -> bool:
        """Wait until the call may go, where the token leaves a least time between two; tell whether it waited.

        Raises Problem token_limited, with the time until a turn is free, when that is over half a minute away.
        """
        if token.min_gap_s is None:
            return False
        try:
            async with self._asking.setdefault(token.id, asyncio.Lock()):  # else they would only race each other
                wait_s = await self._in_thread(take_turn, token.id, gap_s=token.min_gap_s, now=self._now())
        except DatabaseError:
            raise Problem("unavailable", retry_after_s=1) from None
        if wait_s > LONGEST_WAIT_S:
            raise Problem("token_limited", retry_after_s=wait_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        return bool(wait_s > 0)

    async def _take_one(self, token_id: UUID, window: str, *, limit: int) -> None:
        now = self._now()
        try:
            is_granted = await self._blocks.take(token_id, window, starts_at=starts(window, now), limit=limit)
        except DatabaseError:
            raise Problem("unavailable", retry_after_s=1) from None
        if not is_granted:
            raise Problem("token_limited", retry_after_s=seconds_left(window, now))


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


def take_turn(token_id: UUID, *, gap_s: float, now: datetime) -> float:
    """Take the next free turn; return the seconds until it comes. Over LONGEST_WAIT_S none was taken.

    The row's number is when the next turn is free, in ms since 1970: whoever moves it on has the turn. One further
    ahead than we ever set it was set before the clock was put back, and counts as free.
    """
    row, _ = TokenWindow.objects.get_or_create(token_id=token_id, window="gap", starts_at=ALL_TIME)
    now_ms, gap_ms = int(now.timestamp() * 1000), round(gap_s * 1000)
    for _try in range(TRIES):
        is_plausible = row.leased <= now_ms + LONGEST_WAIT_S * 1000 + gap_ms
        turn_ms = max(now_ms, row.leased) if is_plausible else now_ms
        wait_s = (turn_ms - now_ms) / 1000
        if wait_s > LONGEST_WAIT_S:
            return wait_s
        if TokenWindow.objects.filter(pk=row.pk, leased=row.leased).update(leased=turn_ms + gap_ms):
            return wait_s
        row.refresh_from_db(fields=["leased"])
    raise OperationalError("too many calls ask for their turn at once")
