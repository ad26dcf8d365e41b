"""Reminders to rotate: a digest each Monday, and one mail when something becomes overdue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _

from integrations import rotation_days
from integrations.alerts import compose, page_url, say
from secrets_vault import rotation
from secrets_vault.models import User
from secrets_vault.people.language import writing_to
from secrets_vault.rotation import BoardRow, State

READ_AT = time(7)  # the digest is there before the working day
DEMO_KEY = "demo:"  # begins the key of what belongs to the demo but to no one client of it
SHOWN = (State.OVERDUE, State.DUE_SOON)


def remind(now: datetime) -> int:
    """Write what is due to everyone; return how many messages are new.

    The digest of a week is written once, from Monday 07:00 in the person's zone on: after
    downtime it is caught up on the next day that Keylodge runs, and never doubled.
    """
    return _remind_all(User.objects.filter(is_active=True), now=now, is_demo=False)


def remind_of_demo(now: datetime) -> int:
    """Write to the owners what they would be told if the demo's clients were real; kept here, mailed to nobody."""
    return _remind_all(User.objects.filter(is_active=True, is_owner=True), now=now, is_demo=True)


def _remind_all(users: Iterable[User], *, now: datetime, is_demo: bool) -> int:
    days = rotation_days.by_provider()
    return sum(_remind(user, days, now=now, is_demo=is_demo) for user in users)


def _remind(user: User, days: rotation.ProviderDays, *, now: datetime, is_demo: bool) -> int:
    local = now.astimezone(_zone_of(user))
    board = rotation.board(user, local.date(), provider_days=days)
    rows = [row for row in board if _is_of_demo(row) == is_demo]
    with writing_to(user):
        written = _digest(user, rows, local=local, now=now, is_demo=is_demo)
        return written + sum(_overdue(user, row, now=now) for row in rows if _became_overdue(row))


def _zone_of(user: User) -> ZoneInfo:
    try:
        return ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _is_of_demo(row: BoardRow) -> bool:
    client = row.stored.client
    return client is not None and client.is_demo


def _became_overdue(row: BoardRow) -> bool:
    """Tell whether a known date has passed. An unknown age stands in the digest and on the board."""
    return row.due.state == State.OVERDUE and row.due.rule != rotation.Rule.AGE_UNKNOWN


def _digest(user: User, rows: list[BoardRow], *, local: datetime, now: datetime, is_demo: bool) -> int:
    shown = [row for row in rows if row.due.state in SHOWN]
    monday = local.date() - timedelta(days=local.weekday())
    if not user.wants_digest or not shown or local < datetime.combine(monday, READ_AT, local.tzinfo):
        return 0
    context = {"user": user, "groups": _by_client(shown), "monday": monday, "url": page_url("/rotations/")}
    subject, body = compose("rotation_digest", context)
    key = f"{DEMO_KEY if is_demo else ''}digest:{_week(monday)}:{user.pk}"
    said = say(user, "rotation_digest", dedupe_key=key, subject=subject, body=body, now=now, is_play=is_demo)
    return int(said is not None)


def _week(monday: date) -> str:
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02}"


def _by_client(rows: list[BoardRow]) -> list[tuple[str, list[BoardRow]]]:
    """Group the rows by client, the client with the soonest date first."""

    def name(row: BoardRow) -> str:
        return row.stored.client.name if row.stored.client else _("Your agency")

    groups = [(who, list(group)) for who, group in groupby(sorted(rows, key=name), key=name)]
    return sorted(groups, key=lambda group: min(row.due.on for row in group[1]))


def _overdue(user: User, row: BoardRow, *, now: datetime) -> int:
    stored = row.stored
    context = {"row": row, "stored": stored, "url": page_url(f"/vault/{stored.pk}/")}
    subject, body = compose("rotation_overdue", context)
    key = f"overdue:{stored.current_id}:{user.pk}"
    client = stored.client
    said = say(user, "rotation_overdue", dedupe_key=key, subject=subject, body=body, client=client, now=now)
    return int(said is not None)
