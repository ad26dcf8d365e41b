"""When a silence is unusual, from the hours in which there were calls. Pure: no clock, no database.

Of each hour of the week we know in how many weeks it had calls. A silence is as likely as the product of how likely
each of its hours was to be silent; below one in a hundred thousand it is unusual. So a night or a weekend that was
always silent weighs next to nothing, and four hours of a line that never rests are enough. Medians of counts would say
nothing about how sure an hour is.

Hours are UTC. Automations keep to the clock on the wall, which moves by an hour twice a year: a silence counts only if
it would be unusual an hour earlier and an hour later as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from statistics import median

HOUR = timedelta(hours=1)
HISTORY = timedelta(days=28)
LEAST_HISTORY = timedelta(days=7)
LEAST_DAYS = 4
"""On how many days there must have been calls: an import of one night is no habit."""
SUREST = 0.95
ONE_IN = 100_000
LONGEST = 28 * 24
SHIFTS = (-1, 0, 1)
SELDOM = 5
"""Calls in fewer hours of a day than this are told as so many a day, not an hour."""

Slot = tuple[int, int]


@dataclass(frozen=True)
class Usual:
    """The habit of one connection, up to its last call."""

    first: datetime
    last: datetime
    shares: Mapping[Slot, float]
    per_hour: float
    per_day: float
    is_seldom: bool

    def silence_ends_being_usual_at(self, since: datetime) -> datetime | None:
        """Return when a silence becomes unusual that begins with an hour; None if it never does within four weeks."""
        wanted = log(ONE_IN)
        sums = dict.fromkeys(SHIFTS, 0.0)
        hour = since
        for _step in range(LONGEST):
            for shift in SHIFTS:
                sums[shift] -= log(1 - self.shares.get(slot_of(hour + shift * HOUR), 0.0))
            hour += HOUR
            if min(sums.values()) >= wanted:
                return hour
        return None


def slot_of(hour: datetime) -> Slot:
    """Return the hour of the week."""
    return hour.weekday(), hour.hour


def usual_of(calls: Mapping[datetime, int]) -> Usual | None:
    """Return the habit that hourly counts show, None for one too young or of too few days to be one."""
    active = {hour: count for hour, count in calls.items() if count}
    if not active:
        return None
    first, last = min(active), max(active)
    if last - first < LEAST_HISTORY - HOUR or len({hour.date() for hour in active}) < LEAST_DAYS:
        return None
    days = (last - first) / timedelta(days=1) or 1
    total = sum(active.values())
    return Usual(
        first=first,
        last=last,
        shares=_shares(active, first=first, last=last),
        per_hour=float(median(active.values())),
        per_day=total / days,
        is_seldom=len(active) / days < SELDOM,
    )


def _shares(active: Mapping[datetime, int], *, first: datetime, last: datetime) -> dict[Slot, float]:
    """Return for each hour of the week that ever had calls how sure they are in it.

    A week or two say little of one hour of the week, so the same hour of the other days counts as one week more. That
    makes an hour surer, and never one in which nobody ever called: the second Saturday of an office is no surprise.
    """
    seen_weeks, seen_days = Counter[Slot](), Counter[int]()
    hour = first
    while hour <= last:
        seen_weeks[slot_of(hour)] += 1
        seen_days[hour.hour] += 1
        hour += HOUR
    weeks = Counter(slot_of(hour) for hour in active)
    days = Counter(hour.hour for hour in active)
    shares = {}
    for slot, with_calls in weeks.items():
        of_day = days[slot[1]] / seen_days[slot[1]]
        shares[slot] = min((with_calls + of_day) / (seen_weeks[slot] + 1), SUREST)
    return shares
