"""Times as people type them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard.moments import span_of

pytestmark = pytest.mark.matrix  # no database: one engine is enough

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=BERLIN)  # a Sunday


def at(day, hour=0, minute=0, *, month=11, year=2026):
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        ("14:03 yesterday", at(21, 14, 3), at(21, 14, 4)),
        ("Yesterday 14:03", at(21, 14, 3), at(21, 14, 4)),
        ("yesterday at 14:03", at(21, 14, 3), at(21, 14, 4)),
        ("  YESTERDAY ", at(21), at(22)),
        ("today", at(22), at(23)),
        ("08:15", at(22, 8, 15), at(22, 8, 16)),
        ("23:50", at(21, 23, 50), at(21, 23, 51)),
        ("last 2 h", NOW - timedelta(hours=2), NOW),
        ("last 30 minutes", NOW - timedelta(minutes=30), NOW),
        ("3 days ago", NOW - timedelta(days=3), NOW),
        ("friday", at(20), at(21)),
        ("Fri 9:00", at(20, 9), at(20, 9, 1)),
        ("21 Nov", at(21), at(22)),
        ("Nov 21, 2025", at(21, year=2025), at(22, year=2025)),
        ("24 Dec", at(24, month=12, year=2025), at(25, month=12, year=2025)),
        ("2026-11-20", at(20), at(21)),
        ("2026-11-20 14:03", at(20, 14, 3), at(20, 14, 4)),
        ("2026-11-20T14:03", at(20, 14, 3), at(20, 14, 4)),
        ("14:00 yesterday to 15:30", at(21, 14), at(21, 15, 31)),
        ("yesterday to today", at(21), at(23)),
        ("2026-11-20T14:00 to 2026-11-20T15:00", at(20, 14), at(20, 15, 1)),
        ("yesterday 14:00 to now", at(21, 14), NOW),
    ],
)
def test_a_time_is_understood(typed, start, end):
    span = span_of(typed, now=NOW)
    assert span is not None
    assert (span.start, span.end) == (start, end)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "soon",
        "25:00",
        "12:75",
        "2026-13-01",
        "31 Feb",
        "yesterday maybe",
        "15:00 to 14:00",
        "to",
        "4",
        "9999999 h",
        "9999-12-31",
        "0001-01-01",
    ],
)
def test_what_is_no_time_gives_none(typed):
    assert span_of(typed, now=NOW) is None
