"""When a quota is used up at this pace: a straight line, and nothing where none can be drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.usage.forecast import forecast

pytestmark = pytest.mark.matrix

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
KNOWN = {
    "limit": 1000, "remaining": 400, "window_s": 86_400, "resets_at": MIDNIGHT, "read_at": NOW, "now": NOW,
}  # fmt: skip


def test_six_hundred_in_twelve_hours_leave_eight_hours_for_the_rest():
    found = forecast(**KNOWN)
    assert found is not None
    assert (found.at, found.is_used_up) == (NOW + timedelta(hours=8), True)


def test_half_of_it_at_half_time_lasts_until_the_reset():
    found = forecast(**KNOWN | {"remaining": 500})
    assert found is not None
    assert (found.at, found.is_used_up) == (MIDNIGHT, False)


@pytest.mark.parametrize(
    "given",
    [
        {"limit": None},
        {"remaining": None},
        {"window_s": None},
        {"resets_at": None},
        {"read_at": None},
        {"remaining": 1000},  # nothing used: no pace
        {"remaining": 0},  # over already
        {"remaining": 1200},  # more left than there is
        {"resets_at": NOW},
        {"resets_at": NOW - timedelta(hours=1)},
        {"resets_at": NOW + timedelta(hours=23, minutes=30)},  # the window has only begun
        {"resets_at": NOW + timedelta(days=3)},  # the window has not begun, by its own numbers
        {"read_at": NOW - timedelta(hours=7)},  # too long ago to be a pace of now
        {"window_s": 10, "resets_at": NOW + timedelta(seconds=5)},  # over before anybody has read it
        {"read_at": NOW - timedelta(hours=5), "remaining": 1},  # by its own line it is over, and nobody has said so
        {"remaining": 10**30, "limit": 10**30 + 1},
    ],
    ids=str,
)
def test_what_cannot_be_known_is_not_said(given):
    assert forecast(**KNOWN | given) is None
