"""Dates as an iCalendar file (RFC 5545). The same dates give the same bytes: a reader can be told "no change"."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from icalendar import Calendar, Event, vText

from integrations.calendar.dates import Dated

REFRESH = timedelta(hours=6)


def written(dates: Iterable[Dated], *, name: str, time_zone: str) -> bytes:
    """Return the file: days as days, moments in the reader's zone with its rules beside them."""
    calendar, zone = Calendar(), _zone(time_zone)
    calendar.add("prodid", "-//Keylodge//Dates//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", vText(name))  # the library escapes only what it knows to be text
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    for one in dates:
        calendar.add_component(_event(one, zone))
    if time_zone != "UTC":
        calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _event(one: Dated, zone: ZoneInfo) -> Event:
    event, url = Event(), f"{settings.KEYLODGE_PUBLIC_URL}{one.path}"
    event.add("uid", f"{one.uid}@{urlsplit(settings.KEYLODGE_PUBLIC_URL).hostname}")
    event.add("dtstamp", one.written_at.replace(microsecond=0))
    if isinstance(one.on, datetime):
        event.add("dtstart", one.on.replace(microsecond=0).astimezone(zone))
        event.add("duration", timedelta(minutes=15))
    else:
        event.add("dtstart", one.on)
        event.add("dtend", one.on + timedelta(days=1))  # the end of a day is the next one, RFC 5545 section 3.6.1
    event.add("summary", one.title)
    event.add("description", f"{one.text}\n{url}")
    event.add("url", url)
    event.add("transp", "TRANSPARENT")
    event.add("class", "PRIVATE")
    return event
