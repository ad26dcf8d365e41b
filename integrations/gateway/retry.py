"""Which failed attempts are made again, and after how long. Pure: time and chance are passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MAX_ATTEMPTS = 3
BUDGET_S = 30.0
BASE_S = 0.5
CAP_S = 8.0
MIN_RETRY_AFTER_S = 1.0
RETRY_AFTER_JITTER_S = 0.5
KEPT_BODY_BYTES = 256 * 1024

# RFC 9110 section 9.2.2: repeating these has the same effect as making them once.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
AGAIN_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Failure:
    """How one attempt failed: a status of the upstream, or no answer (`status` None)."""

    status: int | None = None
    was_sent: bool = True
    retry_after_s: float | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What of a call decides whether it may be repeated."""

    method: str
    has_idempotency_key: bool = False
    is_body_kept: bool = True
    retries_500: bool = False


def wait_s(
    request: Request, failure: Failure, *, attempt: int, left_s: float, chance: Callable[[], float]
) -> float | None:
    """Return how many seconds to wait before the next attempt, or None: the failure stands.

    `attempt` counts from 1, `left_s` is what remains of the call's time, `chance` gives 0 to 1. A
    Retry-After longer than what is left is not waited for: the answer goes back at once, with it.
    """
    if attempt >= MAX_ATTEMPTS or not request.is_body_kept or not may_repeat(request, failure):
        return None
    wait = _pause_s(failure, attempt=attempt, chance=chance)
    return wait if wait < left_s else None


def may_repeat(request: Request, failure: Failure) -> bool:
    """Tell whether making the call again is safe and can help.

    A POST or PATCH may have taken effect before a 502 or a broken connection reached us; sending it
    again could charge twice. It is repeated only when nothing was sent, when the upstream says that it
    refused (429, 503 with Retry-After), or when it carries the provider's idempotency key.
    """
    if failure.is_final:
        return False
    is_safe = request.method in IDEMPOTENT or request.has_idempotency_key
    if failure.status is None:
        return is_safe or not failure.was_sent
    if failure.status == 500:
        return request.retries_500 and is_safe
    if failure.status not in AGAIN_STATUSES:
        return False
    was_refused = failure.status == 429 or (failure.status == 503 and failure.retry_after_s is not None)
    return is_safe or was_refused


def _pause_s(failure: Failure, *, attempt: int, chance: Callable[[], float]) -> float:
    """Return Retry-After and a little more, else exponential with full jitter."""
    if failure.retry_after_s is not None:
        return max(MIN_RETRY_AFTER_S, failure.retry_after_s) + chance() * RETRY_AFTER_JITTER_S
    return chance() * float(min(CAP_S, BASE_S * 2 ** (attempt - 1)))


class RetryBudget:
    """How many repeats a minute one connection may cost: a tenth of its calls, and always ten.

    When an upstream fails for everybody, repeats must not multiply the load on it.
    """

    SHARE = 0.1
    FLOOR = 10
    WINDOW_S = 60.0
    SLICE_S = 5.0

    def __init__(self) -> None:
        self._slices: deque[list[float]] = deque()  # [start, calls, repeats] of a few seconds each

    def called(self, now_s: float) -> None:
        """Count a call of the caller's."""
        self._slice(now_s)[1] += 1

    def allows(self, now_s: float) -> bool:
        """Count a repeat and return True, or return False when the budget is spent."""
        current = self._slice(now_s)
        calls, repeats = sum(s[1] for s in self._slices), sum(s[2] for s in self._slices)
        if repeats >= max(self.FLOOR, self.SHARE * calls):
            return False
        current[2] += 1
        return True

    def _slice(self, now_s: float) -> list[float]:
        while self._slices and self._slices[0][0] <= now_s - self.WINDOW_S:
            self._slices.popleft()
        if not self._slices or now_s - self._slices[-1][0] >= self.SLICE_S:
            self._slices.append([now_s, 0, 0])
        return self._slices[-1]
