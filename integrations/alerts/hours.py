"""When somebody wants to be left alone, and when their day begins: times of the wall in a zone of their own."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST = timedelta(hours=25)
"""How far ahead the end of quiet hours can be: a day, and the hour by which one is longer when clocks are put back."""


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its name; one that this machine does not know counts as UTC."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def end_of_quiet(now: datetime, *, begins: time | None, ends: time | None, zone: ZoneInfo) -> datetime | None:
    """Return when the quiet hours end that it is now, in UTC; None outside of them. They may span midnight."""
    if begins is None or ends is None or begins == ends:
        return None
    local = now.astimezone(zone)
    at = local.time()
    is_quiet = begins <= at < ends if begins < ends else at >= begins or at < ends
    if not is_quiet:
        return None
    day = local.date() if at < ends else local.date() + timedelta(days=1)
    return datetime.combine(day, ends, zone).astimezone(UTC)


def days_beginning(now: datetime, *, at: time, zone: ZoneInfo) -> datetime | None:
    """Return when the day that it is now in a zone began with its hour, None before that hour."""
    local = now.astimezone(zone)
    return datetime.combine(local.date(), at, zone) if local.time() >= at else None
