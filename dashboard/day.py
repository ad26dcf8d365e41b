"""The last 24 hours in numbers, from the hourly counts: never from the calls themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Case, Sum, UUIDField, When

from integrations.models import ClientHour

HOURS = 24
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


def day_and_hours(client_ids: Iterable[UUID], shown: Iterable[UUID], *, now: datetime) -> tuple[Day, dict[UUID, Hours]]:
    """Return the last 24 hours over clients already found visible, and of those `shown` one by one, in one query."""
    since, ids = first_hour(now), list(shown)
    found: dict[UUID, Hours] = {pk: [(0, 0)] * HOURS for pk in ids}
    who = Case(When(client_id__in=ids, then="client_id"), output_field=UUIDField(null=True))
    rows = ClientHour.objects.filter(client_id__in=list(client_ids), hour__gte=since, hour__lte=now).order_by()
    sums = rows.values_list(who, "hour").annotate(Sum("calls"), Sum("failed"), Sum("limited"))
    calls, failed, limited = [0] * HOURS, [0] * HOURS, 0
    for client_id, hour, count, bad, held in sums:
        place = _place(hour, since)
        calls[place], failed[place], limited = calls[place] + count, failed[place] + bad, limited + held
        if client_id is not None:
            found[client_id][place] = (count, bad)
    return Day(calls, failed, limited), found


def _place(hour: datetime, since: datetime) -> int:
    return min(HOURS - 1, max(0, int((hour - since).total_seconds() // 3600)))
