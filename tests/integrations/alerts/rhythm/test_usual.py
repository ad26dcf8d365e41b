"""When a silence is unusual: weeks of made-up traffic, judged hour by hour as the sweep does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from integrations.alerts.rhythm.usual import HISTORY, HOUR, usual_of

pytestmark = pytest.mark.matrix
MONDAY = datetime(2026, 9, 7, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
Traffic = Callable[[datetime], int]


def always(hour: datetime) -> int:
    return 40


def office(hour: datetime, *, shift: int = 0) -> int:
    return 40 if hour.weekday() < 5 and 8 + shift <= hour.hour < 18 + shift else 0


def nightly(hour: datetime) -> int:
    return 200 if hour.hour == 3 else 0


def weekly(hour: datetime) -> int:
    return 5 if hour.weekday() == 0 and hour.hour == 6 else 0


def month_end(hour: datetime) -> int:
    return 500 if (hour + DAY).day == 1 else 0


def one_import(hour: datetime) -> int:
    return 900 if MONDAY + DAY <= hour < MONDAY + 3 * DAY else 0


def summer_time(hour: datetime) -> int:
    """An office in Berlin, whose clocks are put back on 25 October 2026."""
    return office(hour, shift=-2 if hour < datetime(2026, 10, 25, 1, tzinfo=UTC) else -1)


def now_and_then(seed: int) -> Traffic:
    """A few calls a day at any hour."""
    chance = Random(seed)
    drawn: dict[datetime, int] = {}
    return lambda hour: drawn.setdefault(hour, int(chance.random() < 0.2))


def alarms(traffic: Traffic, *, days: float, stops: datetime | None = None) -> list[timedelta]:
    """Return after how much silence there were alarms within so many days of traffic."""
    calls: dict[datetime, int] = {}
    found, look_at, hour = [], MONDAY, MONDAY
    while hour < MONDAY + days * DAY:
        if (n := traffic(hour)) and (stops is None or hour < stops):
            calls[hour] = n
        hour += HOUR
        if hour < look_at:
            continue
        usual = usual_of({each: n for each, n in calls.items() if each >= hour - HISTORY})
        at = usual.silence_ends_being_usual_at(usual.last + HOUR) if usual else None
        if usual and at and at <= hour:
            found.append(hour - usual.last - HOUR)
            look_at = hour + DAY
        else:
            look_at = at or hour + 12 * HOUR
    return found


@pytest.mark.parametrize(
    "traffic", [always, office, nightly, weekly, month_end, one_import, summer_time, *map(now_and_then, range(12))]
)
def test_traffic_that_goes_on_as_ever_alarms_nobody_in_ten_weeks(traffic):
    assert alarms(traffic, days=70) == []


@pytest.mark.parametrize(
    ("traffic", "stops", "after_h"),
    [
        (always, MONDAY + 28 * DAY, (3, 5)),
        (always, MONDAY + 7 * DAY, (3, 6)),
        (office, MONDAY + 30 * DAY + 10 * HOUR, (3, 6)),  # a Wednesday at ten
        (office, MONDAY + 25 * DAY + 18 * HOUR, (64, 68)),  # a Friday evening: on Monday by noon
        (nightly, MONDAY + 28 * DAY + 4 * HOUR, (48, 24 * 4)),
        (now_and_then(1), MONDAY + 28 * DAY, (24, 24 * 4)),
    ],
)
def test_traffic_that_stops_is_missed(traffic, stops, after_h):
    first = alarms(traffic, days=40, stops=stops)[0] / HOUR
    assert after_h[0] <= first <= after_h[1]


@pytest.mark.parametrize("traffic", [month_end, one_import])
def test_what_is_no_habit_is_never_missed(traffic):
    assert alarms(traffic, days=60, stops=MONDAY + 31 * DAY) == []


def test_nothing_is_usual_before_a_week_has_passed():
    assert alarms(always, days=7, stops=MONDAY + 6 * DAY) == []


def test_the_pause_of_a_weekend_is_usual_in_the_second_week():
    assert alarms(office, days=14) == []


def test_what_is_usual_is_told_in_calls_an_hour_or_a_day():
    def of(traffic):
        hours = (MONDAY + each * HOUR for each in range(28 * 24))
        return usual_of({hour: n for hour in hours if (n := traffic(hour))})

    assert (of(always).per_hour, of(always).is_seldom) == (40, False)
    assert (round(of(nightly).per_day), of(nightly).is_seldom) == (207, True)
