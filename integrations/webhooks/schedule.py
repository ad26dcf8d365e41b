"""When a failed delivery is tried again, and when it is given up. Pure: time and chance are passed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
THEN_EVERY = timedelta(hours=12)
GIVE_UP_AFTER = timedelta(hours=72)
JITTER = 0.2
SHORTEST_ASKED_S, LONGEST_ASKED_S = 1.0, 12 * 3600.0
LONGEST_WAIT = THEN_EVERY * (1 + JITTER)  # no next try is ever set further ahead


def next_at(
    *, tries: int, began_at: datetime, now: datetime, retry_after_s: float | None, chance: Callable[[], float]
) -> datetime | None:
    """Return when to try once more after `tries` have failed, None to give up.

    `began_at` is when the event arrived, or when a person sent it again. What the target asks for is honoured, 1 s
    to 12 h, unless our own turn comes later. The last try is the one that would come after 72 h: it is made then.
    """
    ends_at = began_at + GIVE_UP_AFTER
    if now >= ends_at:
        return None
    wait = WAITS[max(tries, 1) - 1] if tries <= len(WAITS) else THEN_EVERY
    wait *= 1 - JITTER + 2 * JITTER * chance()
    if retry_after_s is not None:
        asked_s = min(max(retry_after_s, SHORTEST_ASKED_S), LONGEST_ASKED_S)
        wait = max(wait, timedelta(seconds=asked_s))
    return min(now + wait, ends_at)
