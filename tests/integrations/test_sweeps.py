"""The timetable: due work is claimed once, a crash does not stop the rest, a jumped clock does not stop all."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from integrations import sweeps
from integrations.models import Sweep

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def timetable(monkeypatch):
    """An empty timetable that the test fills."""
    table: dict[str, sweeps.Timetable] = {}
    monkeypatch.setattr(sweeps, "TIMETABLE", table)
    return table


def counted(calls: list[datetime]) -> sweeps.Timetable:
    return sweeps.Timetable(60, lambda now: calls.append(now) or len(calls), "Counts")


def test_a_due_sweep_runs_and_is_due_again_after_its_time(timetable):
    calls: list[datetime] = []
    timetable["count"] = counted(calls)
    assert sweeps.tick(NOW) == ["count"]
    assert sweeps.tick(NOW + timedelta(seconds=59)) == []
    assert sweeps.tick(NOW + timedelta(seconds=60)) == ["count"]
    assert len(calls) == 2
    assert Sweep.objects.get(name="count").ok_at == NOW + timedelta(seconds=60)


def test_a_failing_sweep_is_written_down_and_the_next_one_runs(timetable):
    def fail(now: datetime) -> int:
        raise ZeroDivisionError

    calls: list[datetime] = []
    timetable["bad"] = sweeps.Timetable(60, fail, "Fails")
    timetable["good"] = counted(calls)
    sweeps.tick(NOW)
    bad = Sweep.objects.get(name="bad")
    assert (bad.error_code, bad.ok_at, bad.finished_at) == ("ZeroDivisionError", None, NOW)
    assert calls == [NOW]


def test_a_sweep_whose_lease_is_held_is_left_alone_until_the_lease_runs_out(timetable):
    calls: list[datetime] = []
    timetable["count"] = counted(calls)
    Sweep.objects.create(
        name="count", every_s=60, due_at=NOW, lease_owner="other", lease_until=NOW + timedelta(seconds=100)
    )
    assert sweeps.tick(NOW) == []
    assert sweeps.tick(NOW + timedelta(seconds=101)) == ["count"]


@pytest.mark.parametrize("jump", [timedelta(days=2), timedelta(days=-2)])
def test_a_clock_that_jumps_does_not_stop_the_timetable(timetable, jump):
    calls: list[datetime] = []
    timetable["count"] = counted(calls)
    Sweep.objects.create(
        name="count", every_s=60, due_at=NOW + jump, lease_owner="dead", lease_until=NOW + jump + timedelta(seconds=300)
    )
    assert sweeps.tick(NOW) == ["count"]


def test_a_worker_that_lost_its_lease_does_not_overwrite_the_winner(timetable):
    def slow(now: datetime) -> int:
        Sweep.objects.filter(name="slow").update(lease_owner="winner")
        return 7

    timetable["slow"] = sweeps.Timetable(60, slow, "Slow")
    sweeps.tick(NOW)
    assert Sweep.objects.get(name="slow").done == 0


def test_five_minutes_without_a_sweep_are_noticed(timetable):
    assert sweeps.is_quiet(NOW)
    timetable["count"] = counted([])
    sweeps.tick(NOW)
    assert not sweeps.is_quiet(NOW + timedelta(minutes=5))
    assert sweeps.is_quiet(NOW + timedelta(minutes=5, seconds=1))


def test_sweeps_in_the_future_do_not_hide_a_worker_that_stands_still(timetable):
    timetable["count"] = counted([])
    sweeps.tick(NOW + timedelta(days=2))
    assert sweeps.is_quiet(NOW)
    sweeps.tick(NOW)
    assert not sweeps.is_quiet(NOW)


@pytest.mark.django_db(transaction=True)
def test_a_long_sweep_keeps_its_lease_and_a_dead_ones_ends_within_a_minute(timetable):
    row = Sweep.objects.create(name="slow", every_s=60, due_at=NOW, lease_owner="me", lease_until=NOW)
    with sweeps.renewed("slow", owner="me", now=NOW, every_s=0.02):
        give_up_at = time.monotonic() + 10
        while row.lease_until <= NOW and time.monotonic() < give_up_at:
            row.refresh_from_db()
    assert NOW + timedelta(seconds=60) < row.lease_until < NOW + timedelta(seconds=75)
    with sweeps.renewed("slow", owner="somebody else", now=NOW + timedelta(days=1), every_s=0.01):
        time.sleep(0.1)
    row.refresh_from_db()
    assert row.lease_until < NOW + timedelta(seconds=75)
