"""When a quota is used up at this pace: a straight line through its window so far, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LEAST_SHARE = 0.05  # of the window must have passed: a line through its first moments says nothing
SHORTEST = timedelta(minutes=10)  # windows that end sooner are over before anybody has read about them
STALE_SHARE = 0.25  # of the window: a reading older than that is no pace of now


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the line says: used up at `at`, or not before it resets at `resets_at`. One of the two is later."""

    at: datetime
    resets_at: datetime

    @property
    def is_used_up(self) -> bool:
        """Tell whether the quota ends before its window does."""
        return self.at < self.resets_at


def forecast(
    *,
    limit: int | None,
    remaining: int | None,
    window_s: int | None,
    resets_at: datetime | None,
    read_at: datetime | None,
    now: datetime,
) -> Forecast | None:
    """Return what the pace of the window so far leads to, None where that cannot be known.

    It can where the window is fixed (it has an end and a length), has lasted a while, and was read lately. Whoever
    else uses the quota is in the provider's number, and so in the line.
    """
    if limit is None or remaining is None or not window_s or resets_at is None or read_at is None:
        return None
    window = timedelta(seconds=window_s)
    passed, used = read_at - (resets_at - window), limit - remaining
    is_readable = window >= SHORTEST and passed >= window * LEAST_SHARE and now - read_at <= window * STALE_SHARE
    if not is_readable or used <= 0 or remaining <= 0 or resets_at <= now:
        return None
    pace_s = passed.total_seconds() / used  # between two
    try:
        at = read_at + timedelta(seconds=pace_s * remaining)
    except OverflowError:
        return None
    return Forecast(at, resets_at) if at > now else None
