"""Connections kept open for the next call. Two connections of two clients never share one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from integrations.outbound.origin import Origin
from integrations.outbound.wire import Wire

IDLE_S = 15.0
# An upstream may close an idle connection while our request is under way, and then nobody knows
# whether it arrived. What may not be repeated takes only a connection used a moment ago.
IDLE_UNREPEATABLE_S = 2.0
MAX_AGE_S = 300.0
MAX_IDLE_PER_KEY = 128

PoolKey = tuple[str, Origin, bool]


class Pool:
    """Idle connections by (partition, origin, may be private). `partition` names whose they are."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle: dict[PoolKey, deque[tuple[Wire, float, float]]] = {}
        self._clock = clock
        self._swept_at = clock()

    def take(self, key: PoolKey, *, is_repeatable: bool) -> tuple[Wire, float] | None:
        """Return a usable connection and when it was opened, newest first, or None."""
        kept = self._idle.get(key)
        now = self._clock()
        max_idle_s = IDLE_S if is_repeatable else IDLE_UNREPEATABLE_S
        while kept:
            wire, opened_at, idle_since = kept.pop()
            is_fresh = now - opened_at < MAX_AGE_S and now - idle_since < max_idle_s
            if is_fresh and wire.is_usable:
                return wire, opened_at
            wire.close()
        self._idle.pop(key, None)
        return None

    def put(self, key: PoolKey, wire: Wire, *, opened_at: float) -> None:
        """Keep a connection whose answer was read to its end; close it if it cannot be used again."""
        if not wire.is_usable:
            wire.close()
            return
        self._sweep()
        kept = self._idle.setdefault(key, deque())
        kept.append((wire, opened_at, self._clock()))
        if len(kept) > MAX_IDLE_PER_KEY:
            kept.popleft()[0].close()

    def _sweep(self) -> None:
        now = self._clock()
        if now - self._swept_at < IDLE_S:
            return
        self._swept_at = now
        for key in [k for k, kept in self._idle.items() if kept and now - kept[-1][2] > IDLE_S]:
            for wire, _, _ in self._idle.pop(key):
                wire.close()

    def close(self) -> None:
        """Close every idle connection."""
        for kept in self._idle.values():
            for wire, _, _ in kept:
                wire.close()
        self._idle.clear()
