"""Waits and resets are read in every unit that vendors use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.limits.units import count, go_duration_s, reset_at, retry_after_s, wait_s

pytestmark = pytest.mark.matrix  # no database: one engine is enough

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
YEAR_S = 366 * 86_400


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("30", 30),
        (" 30 ", 30),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 12:00:42 GMT", 42),
        ("Sun, 22 Nov 2026 12:00:42 -0000", 42),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("2026-11-22T12:01:00Z", 60),
        ("2026-11-22T14:01:00+02:00", 60),
        ("999999999999999999", YEAR_S),
        ("9" * 31, None),
        ("Mon, 01 Jan 999999999999999999 00:00:00 GMT", None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٣٠", None),
        ("1e3", None),
        ("0x10", None),
        ("inf", None),
        ("nan", None),
        ("30 seconds", None),
        ("20261122", 20_261_122),
    ],
)
def test_a_wait_is_seconds_or_a_time(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, now=NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9),
        ({"retry-after": "9"}, 9),
        ({}, None),
    ],
)
def test_milliseconds_come_before_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_s(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360), ("8.64s", 8.64), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("1d", 86_400), ("1m30s", 90), ("5m", 300)],
)
def test_go_durations(text: str, seconds: float) -> None:
    assert go_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "6", "6x", "s", "m6", "6m0s!", "-6s"])
def test_what_is_no_duration(text: str) -> None:
    assert go_duration_s(text) is None


@pytest.mark.parametrize(
    ("header", "unit", "expected"),
    [
        ("60", "", 60),
        ("15000", "delta_ms", 15),
        ("500000000", "", YEAR_S),
        ("1795348890", "", 90),
        ("1795348890000", "", 90),
        ("1795348890.250", "", 90.25),
        ("6m0s", "", 360),
        ("2026-11-22T12:01Z", "", 60),
        ("2026-11-22 12:01:00", "", 60),
        ("Sun, 22 Nov 2026 12:00:42 GMT", "", 42),
        ("540 seconds", "", 540),
        ("9999-12-31T23:59:59Z", "", YEAR_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "", YEAR_S),
        ("253402300799", "", YEAR_S),
    ],
)
def test_the_kind_of_a_reset_is_seen_from_its_size(header: str, unit: str, expected: float) -> None:
    assert reset_at(header, now=NOW, unit=unit) == NOW + timedelta(seconds=expected)


@pytest.mark.parametrize(
    "header",
    ["9999-12-31T23:59:59-01:00", "Fri, 31 Dec 9999 23:59:59 -0800", "0001-01-01T00:00:00+14:00"],
)
def test_a_time_past_the_calendar_says_nothing(header: str) -> None:
    assert reset_at(header, now=NOW) is None
    assert retry_after_s(header, now=NOW) is None


@pytest.mark.parametrize(
    ("header", "number"),
    [  # whole numbers
        ("100", 100),
        ("100, 100;w=60", 100),
        ("598.0", 598),
        ("-1", 0),
        ("", None),
        ("x", None),
        (None, None),
        ("9" * 30, 2**62),
    ],
)
def test_counts(header: str | None, number: int | None) -> None:
    assert count(header) == number


@given(st.text(max_size=60))
def test_no_text_breaks_a_clock(text: str) -> None:
    wait = retry_after_s(text, now=NOW)
    assert wait is None or 0 <= wait <= YEAR_S
    reset_at(text, now=NOW)
    go_duration_s(text)
    count(text)
