"""Failed calls over time, from the hourly counts: never from the calls themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from integrations.models import CallHour, ClientHour

if TYPE_CHECKING:
    from secrets_vault.models import User

# For each choice of days: how many hours one column stands for.
COLUMN_HOURS = {1: 1, 7: 3, 30: 12}


@dataclass(frozen=True)
class Column:
    """The failures of some hours."""

    start: datetime
    end: datetime
    limited: int = 0
    other: int = 0

    @property
    def failed(self) -> int:
        """Return all failures."""
        return self.limited + self.other

    @property
    def last(self) -> datetime:
        """Return its last minute."""
        return self.end - timedelta(minutes=1)

    @property
    def when(self) -> str:
        """Return the span as the filter of calls reads it."""
        return f"{self.start:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M}"

    @property
    def tones(self) -> dict[str, int]:
        """Return the counts by tone, for the chart."""
        return {"bad": self.other, "info": self.limited}


@dataclass(frozen=True)
class Failures:
    """Failures of the last days, oldest column first."""

    days: int
    columns: list[Column]

    @property
    def tones(self) -> list[dict[str, int]]:
        """Return what the chart draws."""
        return [column.tones for column in self.columns]

    @property
    def spans(self) -> str:
        """Return each column's first and last minute as JSON, as the filter reads them."""
        return json.dumps([[f"{c.start:%Y-%m-%d %H:%M}", f"{c.last:%Y-%m-%d %H:%M}"] for c in self.columns])

    @property
    def total(self) -> int:
        """Return how many calls failed."""
        return sum(column.failed for column in self.columns)

    @property
    def words(self) -> str:
        """Say what the chart shows, for who does not see it."""
        said = (
            _("Failed calls in the last 24 hours: {n}")
            if self.days == 1
            else _("Failed calls in the last {days} days: {n}")
        )
        words = said.format(n=self.total, days=self.days)
        if self.peak is None:
            return words
        when = date_format(self.peak.start, _("j M, H:i"))
        return _("{words}, most of them {when}: {n}").format(words=words, when=when, n=self.peak.failed)

    @property
    def ticks(self) -> list[str]:
        """Return seven marks of the time axis."""
        form = "H:i" if self.days == 1 else _("j M")
        starts = [self.columns[len(self.columns) * i // 6].start for i in range(6)]
        return [date_format(at, form) for at in (*starts, self.columns[-1].end)]

    @property
    def with_failures(self) -> list[Column]:
        """Return the columns that hold failures, newest first."""
        return [column for column in reversed(self.columns) if column.failed]

    @property
    def peak(self) -> Column | None:
        """Return the column with most failures, or None when nothing failed."""
        worst = max(self.columns, key=lambda column: column.failed, default=None)
        return worst if worst is not None and worst.failed else None


def failures_of(
    user: User, *, days: int, now: datetime, client: UUID | None = None, connections: Iterable[UUID] | None = None
) -> Failures:
    """Return the failures this person may see, of one client or of some connections where that is asked."""
    columns = _empty(days, now=now)
    # A client has one row an hour where its connections have one each and for every token.
    counts = ClientHour if connections is None else CallHour
    rows = counts.objects.visible_to(user).filter(hour__gte=columns[0].start, failed__gt=0).order_by()
    if client is not None:
        rows = rows.filter(client_id=client)
    if connections is not None:
        rows = rows.filter(connection_id__in=list(connections))
    size = columns[0].end - columns[0].start
    sums = [[0, 0] for _ in columns]
    for hour, failed, limited in rows.values_list("hour").annotate(Sum("failed"), Sum("limited")):
        place = min(len(columns) - 1, int((hour - columns[0].start) / size))
        sums[place][0] += min(limited, failed)
        sums[place][1] += max(0, failed - limited)
    return Failures(days, [_with(column, *sums[i]) for i, column in enumerate(columns)])


def _empty(days: int, *, now: datetime) -> list[Column]:
    size = timedelta(hours=COLUMN_HOURS[days])
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    start = end - timedelta(days=days)
    return [Column(start + size * i, start + size * (i + 1)) for i in range(int(timedelta(days=days) / size))]


def _with(column: Column, limited: int, other: int) -> Column:
    fields: dict[str, Any] = {"limited": limited, "other": other}
    return Column(column.start, column.end, **fields)
