"""Numbers, durations and points in time, as the headers of many vendors write them.

Which kind a bare number is, its size decides: nobody tells us to wait thirty years.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_WAIT_S = 366 * 86_400.0
MAX_COUNT = 2**62
WAIT_NAMES = frozenset({"retry-after", "retry-after-ms"})
NUMBER = re.compile(r"\d{1,30}(?:\.\d{1,15})?", re.ASCII)
GO_DURATION = re.compile(
    r"(?=.)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?",
    re.ASCII,
)
GO_PARTS_S = (86_400, 3_600, 60, 1, 0.001)
FIRST_NUMBER = re.compile(r"\s*(-?\d{1,30})(?:\.\d+)?", re.ASCII)


def retry_after_s(header: str, *, now: datetime) -> float | None:
    """Return how many seconds an upstream API asks us to wait, at most a year.

    `header` is a Retry-After value: seconds or an HTTP-date (RFC 9110 section 10.2.3); fractions of a
    second (OpenAI) and ISO times (Zoom) occur too. A date already past gives 0. Anything else gives
    None, so that a broken upstream cannot stop the queue.
    """
    text = header.strip()
    if text.isascii() and NUMBER.fullmatch(text):
        return min(float(text), MAX_WAIT_S)
    wanted_at = http_date(text) or iso_time(text)
    return None if wanted_at is None else _until(wanted_at, now=now)


def wait_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the wait that an answer asks for: retry-after-ms before Retry-After, as vendors' SDKs read them.

    `headers` has lower-case names.
    """
    exact_ms = headers.get("retry-after-ms", "").strip()
    if exact_ms.isascii() and NUMBER.fullmatch(exact_ms):
        return min(float(exact_ms) / 1000, MAX_WAIT_S)
    return retry_after_s(headers["retry-after"], now=now) if "retry-after" in headers else None


def reset_at(header: str, *, now: datetime, unit: str = "") -> datetime | None:
    """Return when a quota starts anew, in a year at the latest, or None when the header cannot be read.

    `unit` is needed only for "delta_ms": milliseconds from now look like seconds from now.
    """
    text = header.strip()
    if text.isascii() and NUMBER.fullmatch(text):
        return _from_number(float(text), now=now, unit=unit)
    if (duration := go_duration_s(text.removesuffix(" seconds").strip() + ("s" if "seconds" in text else ""))) is None:
        return _within_a_year(iso_time(text) or http_date(text), now=now)
    return after(duration, now=now)


def _from_number(number: float, *, now: datetime, unit: str) -> datetime | None:
    if unit == "delta_ms":
        return after(number / 1000, now=now)
    if number < 1e9:
        return after(number, now=now)
    seconds = number / 1000 if number >= 1e12 else number
    try:
        return _within_a_year(datetime.fromtimestamp(seconds, UTC), now=now)
    except (OverflowError, OSError, ValueError):  # a year past any calendar
        return None


def after(seconds: float, *, now: datetime) -> datetime | None:
    """Return the time so many seconds from now, in a year at the latest."""
    return now + timedelta(seconds=min(seconds, MAX_WAIT_S)) if math.isfinite(seconds) else None


def _within_a_year(at: datetime | None, *, now: datetime) -> datetime | None:
    """Return a time that no clock of a reader's zone takes past the end of the calendar."""
    return None if at is None else min(at, now + timedelta(seconds=MAX_WAIT_S))


def _until(wanted_at: datetime, *, now: datetime) -> float:
    return min(max(0.0, (wanted_at - now).total_seconds()), MAX_WAIT_S)


def go_duration_s(text: str) -> float | None:
    """Return the seconds of a Go duration ("6m0s", "8.64s", "120ms"), or None. A bare number is not one."""
    match = GO_DURATION.fullmatch(text)
    if match is None:
        return None
    return sum(float(part) * seconds for part, seconds in zip(match.groups(), GO_PARTS_S, strict=True) if part)


def http_date(text: str) -> datetime | None:
    """Return the time of an HTTP-date in UTC, or None."""
    try:
        return _in_utc(parsedate_to_datetime(text))  # "-0000": the sender did not say; HTTP means GMT
    except (ValueError, OverflowError):  # OverflowError: a year past any calendar
        return None


def iso_time(text: str) -> datetime | None:
    """Return the time in UTC of an ISO 8601 text with or without seconds ("2026-03-26T16:00Z"), or None.

    No zone is UTC.
    """
    if len(text) < 16 or text[4:5] != "-":  # fromisoformat would take "20260326" and week dates too
        return None
    try:
        return _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):  # OverflowError: the last day of the calendar, west of Greenwich
        return None


def _in_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def count(header: str | None) -> int | None:
    """Return the first whole number of a header such as "100, 100;w=60", or None. Below 0 counts as 0."""
    match = FIRST_NUMBER.match(header) if header else None
    return min(max(int(match[1]), 0), MAX_COUNT) if match else None
