"""A clock that was set is noticed, remembered, and said for two days."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from integrations import clock
from integrations.models import Sweep

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TWO_DAYS_S = 2 * 86_400


@pytest.fixture
def ahead(monkeypatch):
    """Set how far the wall clock is ahead of the steady one."""
    return lambda seconds: monkeypatch.setattr(clock, "ahead_s", lambda: float(seconds))


@pytest.mark.parametrize("by_s", [TWO_DAYS_S, -TWO_DAYS_S, 60, -60])
def test_a_clock_that_was_set_is_remembered_for_two_days(ahead, by_s):
    watch = clock.Watch()
    ahead(1000)
    assert clock.look(NOW, watch=watch) == 0
    ahead(1000 + by_s)
    assert clock.look(NOW, watch=watch) == 1
    assert clock.look(NOW, watch=watch) == 0
    found = clock.lately_set(NOW + timedelta(days=1))
    assert (found.by_s, found.length_s, found.at) == (by_s, abs(by_s), NOW)
    assert clock.lately_set(NOW + timedelta(days=2)) is None


def test_small_corrections_are_not_worth_a_word(ahead):
    watch = clock.Watch()
    for seconds in (0, 30, 0, -59):
        ahead(seconds)
        assert clock.look(NOW, watch=watch) == 0
    assert clock.lately_set(NOW) is None


def test_a_clock_put_back_while_nobody_looked_is_seen_by_the_next_process(ahead):
    Sweep.objects.create(name="clock", every_s=60, due_at=NOW, finished_at=NOW + timedelta(days=2))
    ahead(0)
    assert clock.look(NOW, watch=clock.Watch()) == 1
    assert clock.lately_set(NOW).by_s == -TWO_DAYS_S


def test_the_steady_clock_is_steady():
    before = clock.ahead_s()
    time.sleep(0.05)
    assert abs(clock.ahead_s() - before) < 0.04
