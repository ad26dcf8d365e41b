"""When a delivery is tried again: 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, then each 12 h, until 72 h."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.webhooks import schedule

pytestmark = pytest.mark.matrix  # no database: one engine is enough

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def wait_s(tries, *, chance=0.5, age=timedelta(0), retry_after_s=None):
    """Return how long until the next try, None when there is none."""
    found = schedule.next_at(
        tries=tries, began_at=NOW - age, now=NOW, retry_after_s=retry_after_s, chance=lambda: chance
    )
    return None if found is None else (found - NOW).total_seconds()


@pytest.mark.parametrize(
    ("tries", "expected_s"),
    [(1, 5), (2, 300), (3, 1800), (4, 7200), (5, 18_000), (6, 36_000), (7, 43_200), (8, 43_200), (50, 43_200)],
)
def test_the_waits_are_the_written_ones_give_or_take_a_fifth(tries, expected_s):
    assert wait_s(tries) == expected_s
    assert wait_s(tries, chance=0.0) == pytest.approx(expected_s * 0.8)
    assert wait_s(tries, chance=1.0) == pytest.approx(expected_s * 1.2)


@pytest.mark.parametrize(
    ("asked_s", "expected_s"),
    [(None, 5), (0, 5), (3, 5), (600, 600), (-5, 5), (43_200, 43_200), (10**9, 43_200), (float("inf"), 43_200)],
)
def test_what_a_target_asks_for_is_honoured_within_bounds(asked_s, expected_s):
    assert wait_s(1, retry_after_s=asked_s) == expected_s


def test_the_last_try_is_made_at_72_hours_and_then_it_is_given_up():
    assert wait_s(7, age=timedelta(hours=66)) == 6 * 3600
    assert wait_s(1, age=timedelta(hours=71, minutes=59), retry_after_s=3600) == 60
    assert wait_s(8, age=timedelta(hours=72)) is None


@given(st.integers(1, 60), st.floats(0, 1), st.integers(0, 80 * 3600), st.none() | st.floats(0, 1e12))
def test_no_try_is_ever_set_further_ahead_than_the_claim_believes(tries, chance, age_s, asked_s):
    found = wait_s(tries, chance=chance, age=timedelta(seconds=age_s), retry_after_s=asked_s)

    assert found is None or 0 < found <= schedule.LONGEST_WAIT.total_seconds()
