"""Hours in a second: an event loop whose time passes as soon as nobody has anything to do, and an upstream in it."""

from __future__ import annotations

import asyncio
import random
import selectors
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from integrations.gateway.quota.share import Share
from integrations.gateway.quota.window import Lease, Quota, State

BEGAN = 1_790_000_000.0


class VirtualTime(asyncio.SelectorEventLoop):
    """Never sleeps: the time it would have slept has passed."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now_s


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nobody would ever wake"
        self._loop.now_s += max(0.0, timeout)
        return super().select(0)


def in_virtual_time(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a story to its end."""
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(story())


def clock() -> float:
    """Return the wall clock of the running story."""
    return BEGAN + asyncio.get_running_loop().time()


class Upstream:
    """Counts what arrives in any `window_s` seconds and answers 429 beyond the limit, as HubSpot's rolling one does."""

    def __init__(self, quota: Quota, *, dice: random.Random, delay_s: float = 0.04, answers_in_s: float = 0.08) -> None:
        self.quota = quota
        self.arrived: list[float] = []
        self.by_token: Counter[UUID] = Counter()
        self.refused = 0
        self._dice, self._delay_s, self._answers_in_s = dice, delay_s, answers_in_s

    async def call(self, token: UUID) -> int:
        """Take one call; return the status."""
        await asyncio.sleep(self._dice.uniform(0.001, self._delay_s))
        now = clock()
        if self.left(now) <= 0:
            self.refused += 1
            status = 429
        else:
            self.arrived.append(now)
            self.by_token[token] += 1
            status = 200
        await asyncio.sleep(self._dice.uniform(0.001, self._answers_in_s))
        return status

    def left(self, now: float) -> int:
        return self.quota.limit - (len(self.arrived) - bisect_right(self.arrived, now - self.quota.window_s))


class SharedLedger:
    """The shared states of a story, with the time a database takes."""

    def __init__(self, *, dice: random.Random, takes_s: float = 0.005) -> None:
        self.states: dict[str, bytes] = {}
        self.asked = 0
        self._dice, self._takes_s = dice, takes_s

    async def ask(self, key: str, decide: Callable[[State], Lease], lives_s: float) -> Lease:
        await asyncio.sleep(self._dice.uniform(0, self._takes_s))
        self.asked += 1
        state = State.load(self.states.get(key, b""))
        lease = decide(state)
        self.states[key] = state.dump()
        await asyncio.sleep(self._dice.uniform(0, self._takes_s))
        return lease


def process(name: str, quota: Quota, ledger: SharedLedger) -> Share:
    """Return a process's part of a quota."""
    return Share("quota", quota, taker=name, asking=ledger.ask, clock=clock)
