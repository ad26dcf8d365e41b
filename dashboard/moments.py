"""Times as people type them: "14:03 yesterday", "last 2 h", "21 Nov 14:00 to 15:30"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
LAST = re.compile(r"(?:the )?(?:last|past)? ?(\d{1,4}) ?(m|h|d|w)(?:in|inute|our|ay|eek)?s?(?: ago)?")
ISO_T = re.compile(r"(\d{4}-\d{2}-\d{2})t(?=\d)")
CLOCK = re.compile(r"\b(\d{1,2}):(\d{2})(?::(\d{2}))?\b")
ISO_DAY = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
DAY_MONTH = re.compile(
    r"\b(\d{1,2})\.? ([a-z]{3})[a-z]*\.?(?: (\d{4}))?\b|\b([a-z]{3})[a-z]*\.? (\d{1,2})(?:,? (\d{4}))?\b"
)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """From a moment up to another, which is no longer in it."""

    start: datetime
    end: datetime


def span_of(text: str, *, now: datetime) -> Span | None:
    """Return the span that `text` means to somebody for whom it is `now`, or None for no time at all.

    A minute means that minute, a day the whole day, "last 2 h" up to now; "A to B" from A to the end of B.
    """
    plain = " ".join(ISO_T.sub(r"\1 ", text.lower()).split())
    first, to, second = plain.partition(" to ")
    start = _one(first, now=now, near=None)
    if not to or start is None:
        return start
    end = _one(second, now=now, near=start.start)
    return Span(start.start, end.end) if end is not None and end.end > start.start else None


def _one(words: str, *, now: datetime, near: datetime | None) -> Span | None:
    """Return one moment's span. `near` is the start of a range, which lends its day to a bare clock time."""
    if words in ("now", ""):
        return Span(now, now) if words else None
    if match := LAST.fullmatch(words):
        return Span(now - timedelta(seconds=int(match[1]) * UNITS[match[2]]), now)
    day, rest = _day(words, now=now)
    clock = CLOCK.search(words)
    rest = " ".join(CLOCK.sub(" ", rest).replace(" at ", " ").split())
    if rest not in ("", "at") or (day is None and clock is None):
        return None
    if clock is None:
        return _whole(day, now=now) if day else None
    return _minute(day, clock, now=now, near=near)


def _whole(day: date, *, now: datetime) -> Span:
    start = datetime.combine(day, time(), now.tzinfo)
    return Span(start, datetime.combine(day + DAY, time(), now.tzinfo))


def _minute(day: date | None, clock: re.Match[str], *, now: datetime, near: datetime | None) -> Span | None:
    try:
        at = time(int(clock[1]), int(clock[2]), int(clock[3] or 0))
    except ValueError:
        return None
    start = datetime.combine(day or (near or now).date(), at, now.tzinfo)
    if day is None and near is None and start > now:
        start -= DAY  # "23:50" at nine in the morning was yesterday
    return Span(start, start + timedelta(seconds=1 if clock[3] else 60))


def _day(words: str, *, now: datetime) -> tuple[date | None, str]:
    """Return the day that is named, and the words without it."""
    today = now.date()
    for name, day in (("today", today), ("yesterday", today - DAY)):
        if name in words:
            return day, words.replace(name, " ")
    try:
        if match := ISO_DAY.search(words):
            return _sane(date(int(match[1]), int(match[2]), int(match[3]))), words.replace(match[0], " ")
        if (match := DAY_MONTH.search(words)) and (match[2] or match[4]) in MONTHS:
            return _of_month(match, today), words.replace(match[0], " ")
    except ValueError:
        return None, words
    if (match := re.search(r"\b(mon|tue|wed|thu|fri|sat|sun)[a-z]*\b", words)) is not None:
        back = (today.weekday() - WEEKDAYS.index(match[1])) % 7
        return today - timedelta(days=back), words.replace(match[0], " ")
    return None, words


def _of_month(match: re.Match[str], today: date) -> date:
    """Return the day; without a year, the newest one that is not to come."""
    number, month = int(match[1] or match[5]), MONTHS.index(match[2] or match[4]) + 1
    year = match[3] or match[6]
    day = _sane(date(int(year) if year else today.year, month, number))
    return day if year or day <= today else day.replace(year=day.year - 1)


def _sane(day: date) -> date:
    """Return the day. Raises ValueError for one so far away that adding to it could fail."""
    if not 2000 <= day.year < 2200:
        raise ValueError("no year of a call log")
    return day
