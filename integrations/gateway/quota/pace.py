"""One call and the quotas it counts in: every attempt of it takes its own permits, and says what it heard."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from integrations.gateway.problems import Problem
from integrations.gateway.quota.known import Asker
from integrations.gateway.quota.limiter import MAX_WAIT_S, Limiter, Pass
from integrations.gateway.trace import Trace


@dataclass(slots=True)
class Pace:
    """What one call still may wait for quotas, in all its attempts, and the pass that it holds."""

    limiter: Limiter
    asker: Asker
    trace: Trace
    max_wait_s: float = MAX_WAIT_S
    clock: Callable[[], float] = time.time
    passed: Pass | None = None
    sent: Pass | None = None

    async def ready(self) -> bool:
        """Hold a pass for the next attempt; tell whether that took time. Raises Problem upstream_limited."""
        if self.passed is not None and self.passed.is_fresh(self.clock()):
            return False
        self.unused()
        left_s = max(0.0, self.max_wait_s - self.trace.paced_s)
        began = self.clock()
        try:
            self.passed = await self.limiter.take(self.asker, within_s=left_s)
        except Problem:
            self.trace.paced_s += self.clock() - began
            raise
        self.trace.paced_s += self.passed.waited_s
        return self.passed.waited_s > 0

    async def __aenter__(self) -> None:
        """Hold what was taken while the call is made."""

    async def __aexit__(self, *error: object) -> None:
        """Return what no attempt has gone with."""
        self.unused()

    def heard(self, *, is_limit: bool = False, wait_s: float | None = None, is_spent: bool = False) -> None:
        """Say what the answer of this attempt said."""
        passed = self.sent
        if passed is None:
            return
        self.limiter.heard(passed, self.trace.readings, is_limit=is_limit, wait_s=wait_s, is_spent=is_spent)
        self.trace.counted = passed.readings() if not self.trace.readings else []

    def heard_in_body(self) -> None:
        """Say that an answer meant a limit although its status was that of a success."""
        if self.sent is not None:
            self.limiter.heard(self.sent, [], is_limit=True, wait_s=None, is_spent=False)

    def goes(self) -> dict[str, object]:
        """Spend the pass on an attempt that is made now; return what the timeline says of the wait before it."""
        self.sent, self.passed = self.passed, None
        if self.sent is None or self.sent.waited_s < 0.001:
            return {}
        return {"paced_ms": round(self.sent.waited_s * 1000), "paced_for": self.sent.waited_for}

    def unanswered(self, *, was_sent: bool) -> None:
        """Return the pass of an attempt that never left; one that may have arrived counts."""
        if self.sent is not None:
            self.limiter.unanswered(self.sent, was_sent=was_sent)

    def unused(self) -> None:
        """Return the permits that no attempt went with."""
        if self.passed is not None:
            self.passed.give_back()
            self.passed = None
