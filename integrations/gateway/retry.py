"""Which failed attempts are made again, and after how long. Pure: time and chance are passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum

MAX_ATTEMPTS = 3
BUDGET_S = 30.0
BASE_S = 0.5
CAP_S = 8.0
MIN_RETRY_AFTER_S = 1.0
RETRY_AFTER_JITTER_S = 0.5
KEPT_BODY_BYTES = 256 * 1024

# RFC 9110 section 9.2.2: repeating these has the same effect as making them once.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})


class Point(Enum):
    """Where an attempt failed, as far as it decides what has happened at the provider."""

    NOTHING_SENT = "no connection, so nothing was sent"
    BROKEN_OFF = "the connection broke after something was sent"
    NO_GOOD_ANSWER = "no answer by the deadline, or one that is not HTTP"
    LIMITED = "429"
    TURNED_AWAY = "503 with Retry-After"
    GATEWAY_FAILED = "502, 503 without Retry-After, 504"
    PASSING = "500 of a provider whose facts say that it passes"
    FAILED = "500 of any other, 501 and 505 to 599"
    REFUSED = "any other answer"
    FINAL = "a limit that no waiting helps, or a call that was never to be sent"


class Kind(Enum):
    """What a request is, as far as it decides whether sending it twice can do harm."""

    SAFE = "an idempotent method (RFC 9110 section 9.2.2)"
    KEYED = "any method with an idempotency key that the provider heeds"
    ONCE = "POST, PATCH and every method we do not know"


class Verdict(Enum):
    """What follows from a failed attempt."""

    AGAIN = "make it again at once: that is safe and can help"
    STANDS = "the failure stands: making it again would not help, or nothing was to be done"
    UNCLEAR = "the failure stands, and nobody knows whether the call took effect: a person decides"


_AGAIN, _STANDS, _UNCLEAR = Verdict.AGAIN, Verdict.STANDS, Verdict.UNCLEAR

# The one place that says what is repeated (design: decisions.md "Retries"). A POST may have taken effect before a
# 502 or a broken connection reached us; sending it again could charge twice. It is repeated only when nothing was
# sent, when the provider says that it turned the call away, or when it carries the provider's idempotency key.
TABLE: Mapping[Point, Mapping[Kind, Verdict]] = {
    point: dict(zip((Kind.SAFE, Kind.KEYED, Kind.ONCE), verdicts, strict=True))
    for point, *verdicts in (
        #                       SAFE      KEYED     ONCE
        (Point.NOTHING_SENT,    _AGAIN,   _AGAIN,   _AGAIN),
        (Point.BROKEN_OFF,      _AGAIN,   _AGAIN,   _UNCLEAR),
        (Point.NO_GOOD_ANSWER,  _STANDS,  _STANDS,  _UNCLEAR),
        (Point.LIMITED,         _AGAIN,   _AGAIN,   _AGAIN),
        (Point.TURNED_AWAY,     _AGAIN,   _AGAIN,   _AGAIN),
        (Point.GATEWAY_FAILED,  _AGAIN,   _AGAIN,   _UNCLEAR),
        (Point.PASSING,         _AGAIN,   _AGAIN,   _UNCLEAR),
        (Point.FAILED,          _STANDS,  _STANDS,  _UNCLEAR),
        (Point.REFUSED,         _STANDS,  _STANDS,  _STANDS),
        (Point.FINAL,           _STANDS,  _STANDS,  _STANDS),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """How one attempt failed: a status of the upstream, or no answer (`status` None).

    `is_broken` says of a missing answer that it is one of NO_GOOD_ANSWER; `is_final` that no waiting helps.
    """

    status: int | None = None
    was_sent: bool = True
    retry_after_s: float | None = None
    is_final: bool = False
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What of a call decides whether it may be repeated."""

    method: str
    has_idempotency_key: bool = False
    is_body_kept: bool = True
    retries_500: bool = False

    @property
    def kind(self) -> Kind:
        """Return the column of the table."""
        if self.method in IDEMPOTENT:
            return Kind.SAFE
        return Kind.KEYED if self.has_idempotency_key else Kind.ONCE


def verdict(request: Request, failure: Failure) -> Verdict:
    """Return what follows from a failed attempt, whatever time and budget are left."""
    return TABLE[_point(request, failure)][request.kind]


def wait_s(
    request: Request, failure: Failure, *, attempt: int, left_s: float, chance: Callable[[], float]
) -> float | None:
    """Return how many seconds to wait before the next attempt, or None: the failure stands.

    `attempt` counts from 1, `left_s` is what remains of the call's time, `chance` gives 0 to 1. A
    Retry-After longer than what is left is not waited for: the answer goes back at once, with it.
    """
    if attempt >= MAX_ATTEMPTS or not request.is_body_kept or verdict(request, failure) is not Verdict.AGAIN:
        return None
    wait = _pause_s(failure, attempt=attempt, chance=chance)
    return wait if wait < left_s else None


def _point(request: Request, failure: Failure) -> Point:
    """Return the row of the table."""
    if failure.is_final:
        return Point.FINAL
    if failure.status is None:
        return _point_without_answer(failure)
    if failure.status == 503 and failure.retry_after_s is not None:
        return Point.TURNED_AWAY
    if failure.status == 500 and request.retries_500:
        return Point.PASSING
    if failure.status in _POINTS:
        return _POINTS[failure.status]
    return Point.FAILED if failure.status >= 500 else Point.REFUSED


_POINTS = {429: Point.LIMITED, **dict.fromkeys((502, 503, 504), Point.GATEWAY_FAILED)}


def _point_without_answer(failure: Failure) -> Point:
    if failure.is_broken:  # what could not even connect by the deadline has done nothing, and has no time left
        return Point.NO_GOOD_ANSWER if failure.was_sent else Point.FINAL
    return Point.BROKEN_OFF if failure.was_sent else Point.NOTHING_SENT


def _pause_s(failure: Failure, *, attempt: int, chance: Callable[[], float]) -> float:
    """Return Retry-After and a little more, else exponential with full jitter."""
    if failure.retry_after_s is not None:
        return max(MIN_RETRY_AFTER_S, failure.retry_after_s) + chance() * RETRY_AFTER_JITTER_S
    return chance() * float(min(CAP_S, BASE_S * 2 ** (attempt - 1)))


class RetryBudget:
    """How many repeats a minute one connection may cost: a tenth of its calls, and always ten.

    When an upstream fails for everybody, repeats must not multiply the load on it. Each process counts its own
    calls; the ten are one for all processes together: `floor()` takes one of them, and tells whether one was left.
    """

    SHARE = 0.1
    FLOOR = 10
    WINDOW_S = 60.0
    SLICE_S = 5.0

    def __init__(self, floor: Callable[[], Awaitable[bool]]) -> None:
        self._slices: deque[list[float]] = deque()  # [start, calls, repeats] of a few seconds each
        self._floor = floor

    def called(self, now_s: float) -> None:
        """Count a call of the caller's."""
        self._slice(now_s)[1] += 1

    async def allows(self, now_s: float) -> bool:
        """Count a repeat and return True, or return False when the budget is spent."""
        current = self._slice(now_s)
        calls, repeats = sum(s[1] for s in self._slices), sum(s[2] for s in self._slices)
        # Counted before the wait: a thousand calls that fail at once must not all see the same number.
        current[2] += 1
        if await self._floor() or repeats < self.SHARE * calls:
            return True
        current[2] -= 1
        return False

    def _slice(self, now_s: float) -> list[float]:
        while self._slices and self._slices[0][0] <= now_s - self.WINDOW_S:
            self._slices.popleft()
        if not self._slices or now_s - self._slices[-1][0] >= self.SLICE_S:
            self._slices.append([now_s, 0, 0])
        return self._slices[-1]
