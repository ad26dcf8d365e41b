"""The last 24 hours in numbers, from the hourly counts: never from the calls themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import CharField, Sum, Value

from dashboard.light import hex_of
from integrations.models import ClientHour

if TYPE_CHECKING:
    from django.db.models import QuerySet

HOURS = 24
COUNTS = ("calls", "failed", "limited")
Hours = list[tuple[int, int]]


@dataclass(frozen=True)
class Day:
    """Calls of the last 24 hours, hour by hour from the oldest."""

    calls: Sequence[int]
    failed: Sequence[int]
    limited: int

    @property
    def call_count(self) -> int:
        """Return how many calls there were."""
        return sum(self.calls)

    @property
    def failed_count(self) -> int:
        """Return how many failed after all repeats."""
        return sum(self.failed)

    @property
    def failed_percent(self) -> float:
        """Return the share that failed."""
        return 100 * self.failed_count / self.call_count if self.call_count else 0.0


def first_hour(now: datetime) -> datetime:
    """Return the start of the oldest of the 24 hours that end with the current one."""
    return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)


def day_and_hours(client_ids: Iterable[UUID], few: Iterable[UUID], *, now: datetime) -> tuple[Day, dict[UUID, Hours]]:
    """Return the last 24 hours over clients already found visible, and of each of a few of them, in one query."""
    since, found = first_hour(now), {pk: [(0, 0)] * HOURS for pk in few}
    by_hex = {pk.hex: hours for pk, hours in found.items()}
    calls, failed, limited = [0] * HOURS, [0] * HOURS, 0
    whole = _last_day(client_ids, now=now).annotate(who=Value("", CharField())).values_list("who", "hour")
    each = _last_day(found, now=now).annotate(who=hex_of("client_id"))
    summed = whole.annotate(Sum("calls"), Sum("failed"), Sum("limited"))
    for who, hour, count, bad, held in summed.union(each.values_list("who", "hour", *COUNTS), all=True):
        place = _place(hour, since)
        if who:
            by_hex[who][place] = (count, bad)
        else:
            calls[place], failed[place], limited = calls[place] + count, failed[place] + bad, limited + held
    return Day(calls, failed, limited), found


def hours_of(client_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Hours]:
    """Return the last 24 hours of each of a few clients already found visible: one row an hour, nothing to add up."""
    return day_and_hours((), client_ids, now=now)[1]


def _last_day(client_ids: Iterable[UUID], *, now: datetime) -> QuerySet[ClientHour]:
    return ClientHour.objects.filter(
        client_id__in=list(client_ids), hour__gte=first_hour(now), hour__lte=now
    ).order_by()


def _place(hour: datetime, since: datetime) -> int:
    return min(HOURS - 1, max(0, int((hour - since).total_seconds() // 3600)))
