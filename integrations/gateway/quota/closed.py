"""Quotas that a provider has closed until a time it named: all processes know within a second, and nobody asks.

One shared state holds them all, since there are few. A process reads it at most once a second, while calls come in
and beside them; its own answers it knows at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from integrations import ledger
from integrations.ledger import LedgerUnavailable

logger = logging.getLogger(__name__)

KEY = "quotas closed"
LOOK_EVERY_S = 1.0
LONGEST_S = 31 * 86_400.0
MOST = 500
SETTLED_S = 5.0

InThread = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Closed:
    """Until when a quota is closed, and since when. `is_spent`: the money or the day's quota is gone."""

    until: float
    since: float
    is_spent: bool = False


class Closings:
    """What this process knows of closed quotas."""

    def __init__(self, in_thread: InThread, *, clock: Callable[[], float]) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._closed: dict[str, Closed] = {}
        self._looked_at = 0.0
        self._waiting: dict[Closed, int] = {}
        self._work: set[asyncio.Task[None]] = set()

    def are_any(self, now: float) -> bool:
        """Tell whether any quota is closed, as far as this process knows; it looks again every second."""
        if abs(now - self._looked_at) >= LOOK_EVERY_S:
            self._looked_at = now
            self._beside(self._look())
        return bool(self._closed)

    def of(self, keys: Iterable[str]) -> Closed | None:
        """Return the closing that lasts longest, None where all are open."""
        now = self._clock()
        if not self.are_any(now):
            return None
        found = [one for key in keys if (one := self._closed.get(key)) and _is_closed(one, now)]
        return max(found, key=lambda one: one.until, default=None)

    def close(self, key: str, *, until: float, is_spent: bool = False) -> None:
        """Close a quota for every process."""
        now = self._clock()
        new = Closed(min(until, now + LONGEST_S), now, is_spent)
        self._closed = _merged(self._closed, {key: new}, now=now)
        self._beside(self._tell({key: new}))

    @contextmanager
    def waiting(self, closed: Closed) -> Iterator[int]:
        """Yield the place of a call among those of this process that wait for the same moment."""
        place = self._waiting.get(closed, 0)
        self._waiting[closed] = place + 1
        try:
            yield place
        finally:
            self._waiting.pop(closed, None)

    async def settled(self) -> None:
        """Wait for what is being written."""
        if self._work:
            await asyncio.wait(self._work, timeout=SETTLED_S)

    def _beside(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _look(self) -> None:
        try:
            _, raw = await self._in_thread(ledger.read, KEY)
        except LedgerUnavailable:
            return  # it knows what it has heard itself
        self._closed = _merged(self._closed, _load(raw), now=self._clock())

    async def _tell(self, new: dict[str, Closed]) -> None:
        now = self._clock()

        def decide(raw: bytes) -> tuple[bytes, None]:
            return _dump(_merged(_load(raw), new, now=now)), None

        try:
            await self._in_thread(ledger.change, KEY, decide, lives_s=LONGEST_S)
        except LedgerUnavailable:
            logger.warning("a closed quota could not be told to other processes")


def until(keys: Iterable[str], *, now: float) -> float | None:
    """Return until when one of these quotas is closed, None where none is. For threads; raises LedgerUnavailable."""
    closed = _load(ledger.read(KEY)[1])
    return max((closed[key].until for key in keys if key in closed and _is_closed(closed[key], now)), default=None)


def _is_closed(one: Closed, now: float) -> bool:
    """Tell whether a closing holds. One from the future was noted before the clock was put back."""
    return one.since - LOOK_EVERY_S <= now < one.until


def _merged(known: dict[str, Closed], new: dict[str, Closed], *, now: float) -> dict[str, Closed]:
    """Return both, of each key the newer, without what is over."""
    merged = dict(known)
    for key, one in new.items():
        if key not in merged or one.since >= merged[key].since:
            merged[key] = one
    living = [(key, one) for key, one in merged.items() if _is_closed(one, now)]
    return dict(sorted(living, key=lambda item: item[1].since)[-MOST:])


def _load(raw: bytes) -> dict[str, Closed]:
    try:
        return {str(key): Closed(float(u), float(s), bool(m)) for key, (u, s, m) in json.loads(raw).items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _dump(closed: dict[str, Closed]) -> bytes:
    return json.dumps({key: [one.until, one.since, one.is_spent] for key, one in closed.items()}).encode()
