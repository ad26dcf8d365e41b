"""The circuit breaker: an upstream that does not answer is left alone, but for one trial at a time.

What is counted is only what says that the upstream itself is down: no connection, no answer in time, 502, 503 and 504
and their kin. A refused credential, a limit or a 500 to one request counts for nothing. Each process counts what its
own calls came to, in memory, and only once something has failed; what all must know stands in a row (`outages.py`),
which is read when the generation number has grown. While all goes well a call costs one comparison.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from integrations import outages
from integrations.gateway.found import Rows, values_in
from integrations.gateway.problems import Problem
from integrations.gateway.reading import OUTAGES, Unavailable
from integrations.models import Outage
from integrations.outbound import Origin, OutboundError, Unreachable, UpstreamTimeout
from secrets_vault import generation

IN_A_ROW = 10
IN_A_ROW_WIDER = 3  # while the same upstream already fails another connection
OF_LAST, MOST_FAILED = 20, 14
FORGOTTEN_S = 60.0
# 520 to 524 are what Cloudflare answers for a server behind it that does not.
DOWN_STATUSES = frozenset({502, 503, 504, 520, 521, 522, 523, 524})

InThread = Callable[..., Awaitable[Any]]


class Sign(Enum):
    """What an attempt says about its upstream."""

    WELL = "it answers"
    NOTHING = "nothing"
    UNREACHABLE = Outage.Reason.UNREACHABLE.value
    TIMEOUT = Outage.Reason.TIMEOUT.value
    FAILING = Outage.Reason.FAILING.value

    @property
    def is_down(self) -> bool:
        """Tell whether it says that the upstream is down."""
        return self not in (Sign.WELL, Sign.NOTHING)


def sign_of_error(error: OutboundError) -> Sign:
    """Return what an attempt without an answer says."""
    if isinstance(error, Unreachable):
        return Sign.UNREACHABLE
    return Sign.TIMEOUT if isinstance(error, UpstreamTimeout) else Sign.NOTHING


def sign_of_status(status: int, *, is_limit: bool) -> Sign:
    """Return what an answer says. A 503 that means a limit is the limiter's to heed."""
    if status in DOWN_STATUSES:
        return Sign.WELL if is_limit else Sign.FAILING
    return Sign.NOTHING if status >= 500 else Sign.WELL


@dataclass(frozen=True, slots=True)
class Known:
    """An open outage, as this process has read it: OUTAGES' columns."""

    id: UUID
    origin: str
    connection_id: UUID | None
    opened_at: datetime
    next_try_at: datetime
    trying_until: datetime | None
    version: int

    def concerns(self, connection_id: UUID | None) -> bool:
        """Tell whether calls of a connection are stopped by it."""
        return self.connection_id is None or self.connection_id == connection_id

    def free_from(self, now: datetime) -> datetime:
        """Return when the next trial may go out."""
        return max(self.next_try_at, self.trying_until or self.next_try_at)


@dataclass(slots=True)
class _Streak:
    """What the last calls of one connection to one origin came to, the newest in the lowest bit, 1 for down."""

    bits: int = 0
    at_s: float = 0.0

    def add(self, is_down: bool, now_s: float) -> None:
        if now_s - self.at_s > FORGOTTEN_S:
            self.bits = 0
        self.bits, self.at_s = ((self.bits << 1) | is_down) & ((1 << OF_LAST) - 1), now_s

    def is_enough(self, in_a_row: int) -> bool:
        mask = (1 << in_a_row) - 1
        return self.bits & mask == mask or self.bits.bit_count() >= MOST_FAILED


class Breaker:
    """What one process knows. One per gateway."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Rows]],
        in_thread: InThread,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = outages.random_chance,
    ) -> None:
        self._read, self._in_thread = read, in_thread
        self._now, self._clock, self._chance = now, clock, chance
        self._open: dict[str, Known] = {}
        self._streaks: dict[tuple[Origin, UUID | None], _Streak] = {}
        self._seen = -1
        self._claiming: set[UUID] = set()

    async def admit(self, origin: Origin, connection_id: UUID | None) -> Gate:
        """Let a call through; raises Problem breaker_open where its upstream does not answer.

        Where a trial is due, and nobody else in any process has it, the call is that trial.
        """
        if generation.current() != self._seen:
            await self._learn()
        known = self._open.get(origin.base) if self._open else None
        if known is None or not known.concerns(connection_id):
            return Gate(self, origin, connection_id)
        return Gate(self, origin, connection_id, trial=await self._trial(known))

    def heeds(self, sign: Sign) -> bool:
        """Tell whether a sign is counted: what goes well only where something has failed of late."""
        return sign.is_down or (sign is Sign.WELL and bool(self._streaks))

    def is_open(self, origin: Origin, connection_id: UUID | None) -> bool:
        """Tell whether calls are refused now, as far as this process knows."""
        known = self._open.get(origin.base) if self._open else None
        return known is not None and known.concerns(connection_id)

    def refuses_all(self, origin: Origin, connection_id: UUID | None) -> bool:
        """Tell whether a call is certain to be refused, as far as this process knows: no trial is due."""
        if not self._open:
            return False
        known = self._open.get(origin.base)
        now = self._now()
        return known is not None and known.concerns(connection_id) and known.free_from(now) > now

    def refusal(self, origin: Origin) -> Problem:
        """Return what a refused caller hears."""
        known = self._open.get(origin.base)
        return _refusal(known, now=self._now()) if known else Problem("breaker_open", retry_after_s=1)

    async def _learn(self) -> None:
        """Read the open outages where something may have changed. What cannot be read is read with the next call."""
        seen = generation.current()
        try:
            found = await self._read()
        except Unavailable:
            return
        if seen > self._seen:  # else another call has read something newer in the meantime
            self._seen, self._open = seen, {known.origin: known for known in map(_known, found)}

    async def _trial(self, known: Known) -> Known:
        now = self._now()
        if known.free_from(now) > now or known.id in self._claiming:
            raise _refusal(known, now=now)
        self._claiming.add(known.id)
        try:
            version = await self._in_thread(outages.claimed, known.id, version=known.version, now=now)
        except DatabaseError:
            version = None
        finally:
            self._claiming.discard(known.id)
        if version is None:
            self._seen = -1  # somebody was faster: read who, and until when
            raise _refusal(known, now=now)
        trial = replace(known, version=version, trying_until=now + outages.TRIAL)
        self._open[known.origin] = trial
        return trial

    async def noted(self, gate: Gate, sign: Sign, *, asked_s: float) -> None:
        """Count what a call came to; open or close where that is enough."""
        if gate.trial is not None:
            await self._ended(gate.trial, sign, asked_s=asked_s)
        if not self.heeds(sign):
            return
        key = gate.origin, gate.connection_id
        streak = self._streaks.get(key)
        if sign is Sign.WELL:
            if streak is not None:
                streak.add(False, self._clock())
                if not streak.bits:
                    del self._streaks[key]
            return
        streak = streak or self._streaks.setdefault(key, _Streak())
        streak.add(True, self._clock())
        await self._judge(gate, streak, sign, asked_s=asked_s)

    async def _judge(self, gate: Gate, streak: _Streak, sign: Sign, *, asked_s: float) -> None:
        known = self._open.get(gate.origin.base)
        if known is not None and known.concerns(gate.connection_id):
            return
        if not streak.is_enough(IN_A_ROW if known is None else IN_A_ROW_WIDER):
            return
        # Where no connection can be made, none can be made for anybody. Errors may be one account's own.
        is_wide = sign is Sign.UNREACHABLE or self._fails_others(gate)
        del self._streaks[gate.origin, gate.connection_id]
        await self._write(
            outages.opened,
            gate.origin.base,
            connection_id=None if is_wide else gate.connection_id,
            reason=sign.value,
            now=self._now(),
            asked_s=asked_s,
            chance=self._chance,
        )

    def _fails_others(self, gate: Gate) -> bool:
        return any(
            origin == gate.origin and connection_id != gate.connection_id and streak.bits & 0b11 == 0b11
            for (origin, connection_id), streak in self._streaks.items()
        )

    async def _ended(self, trial: Known, sign: Sign, *, asked_s: float) -> None:
        if sign is Sign.WELL:
            await self._write(outages.closed, trial.id, now=self._now())
        elif sign.is_down:
            options = {"asked_s": asked_s, "chance": self._chance}
            await self._write(outages.failed_again, trial.id, version=trial.version, now=self._now(), **options)
        else:
            await self._write(outages.given_back, trial.id, version=trial.version)

    async def _write(self, change: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Write a change. Where that fails the breaker stays as it was: calls go on, and count again."""
        try:
            await self._in_thread(change, *args, **options)
        except DatabaseError:
            return
        self._seen = -1
        await self._learn()


@dataclass(slots=True)
class Gate:
    """One call, let through. `trial` is set where it is the one that tries an upstream that did not answer."""

    breaker: Breaker
    origin: Origin
    connection_id: UUID | None
    trial: Known | None = None
    has_ended: bool = False

    @property
    def may_repeat(self) -> bool:
        """Tell whether a failed attempt may be made again: not where others must not call at all."""
        return self.trial is None and not self.breaker.is_open(self.origin, self.connection_id)

    def is_of_no_news(self, sign: Sign) -> bool:
        """Tell whether a call's end changes nothing: it was no trial, and nothing of its upstream is counted."""
        return self.trial is None and not self.breaker.heeds(sign)

    async def ended(self, sign: Sign, *, asked_s: float = 0.0) -> None:
        """Say what the call came to, once. `asked_s` is how long the upstream asks to be left alone."""
        if not self.has_ended:
            self.has_ended = True
            await self.breaker.noted(self, sign, asked_s=asked_s)


def _known(row: Sequence[Any]) -> Known:
    return Known(*values_in(Outage, OUTAGES, row))


def _refusal(known: Known, *, now: datetime) -> Problem:
    left_s = max(1.0, (known.free_from(now) - now).total_seconds())
    host = known.origin.partition("://")[2]
    since, free = (at.strftime("%H:%M:%S") for at in (known.opened_at, known.free_from(now)))
    detail = f"{host} has not answered since {since} UTC. Nothing was sent. The next call goes out at {free} UTC."
    return Problem("breaker_open", retry_after_s=left_s, detail=detail)
