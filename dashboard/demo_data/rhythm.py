"""When things happen in the demo: busy days and quiet nights, one burst, and errors that somebody has settled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from dashboard.demo_data.stories import STORIES, Story
from integrations.models import ErrorGroup

HOUR = timedelta(hours=1)
SETTLED = timedelta(days=2)
SNOOZED = timedelta(days=3)
BURST = (timedelta(hours=5), timedelta(hours=3))  # before now
BURST_FACTOR = 150


def moments(calls: int, *, days: int, now: datetime) -> Iterator[datetime]:
    """Yield when each call was made, oldest first: most by day, and more this week than before."""
    starts = [now - timedelta(days=days) + HOUR * number for number in range(days * 24)]
    weights = [_weight(start, now=now) for start in starts]
    total, passed, made = sum(weights), 0.0, 0
    for start, weight in zip(starts, weights, strict=True):
        passed += weight
        due = round(calls * passed / total) - made
        yield from (start + HOUR * (number / due) for number in range(due))
        made += due


def _weight(start: datetime, *, now: datetime) -> float:
    by_day = 1.0 if 6 <= start.hour < 18 else 0.45
    return by_day * (2.5 if now - start <= timedelta(days=7) else 1.0)


def shares_at(at: datetime, *, now: datetime) -> list[float]:
    """Return how often each story happens at a moment."""
    is_burst = BURST[1] <= now - at <= BURST[0]
    is_settled = now - at <= SETTLED + HOUR
    return [_share(story, is_burst=is_burst, is_settled=is_settled) for story in STORIES]


def _share(story: Story, *, is_burst: bool, is_settled: bool) -> float:
    if is_settled and story.state != ErrorGroup.State.OPEN:
        return 0
    return story.share * (BURST_FACTOR if is_burst and story.is_burst else 1)


def settle(groups: Iterable[ErrorGroup], *, now: datetime) -> None:
    """Say since when the settled groups are so."""
    for group in groups:
        if group.state != ErrorGroup.State.OPEN:
            group.state_changed_at = now - SETTLED
        if group.state == ErrorGroup.State.SNOOZED:
            group.snoozed_until = now + SNOOZED
