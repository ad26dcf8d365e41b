"""Calls over time: a day from minutes, a week and a month from hours, a year from days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db.models import Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.models import CallDay, CallHour, CallMinute

if TYPE_CHECKING:
    from django.db.models import QuerySet

COUNTS = ("calls", "failed", "limited")


class Window(NamedTuple):
    """How far back, in columns of which size, from which counts."""

    days: int
    size: timedelta
    counts: Any
    at: str
    words: Any


WINDOWS = {
    "24h": Window(1, timedelta(minutes=15), CallMinute, "minute", gettext_lazy("24 hours")),
    "7d": Window(7, timedelta(hours=2), CallHour, "hour", gettext_lazy("7 days")),
    "30d": Window(30, timedelta(days=1), CallHour, "hour", gettext_lazy("30 days")),
    "12m": Window(364, timedelta(days=7), CallDay, "day", gettext_lazy("12 months")),
}


@dataclass
class Column:
    """The calls of one span."""

    start: datetime
    end: datetime
    calls: int = 0
    failed: int = 0
    limited: int = 0

    @property
    def tones(self) -> dict[str, int]:
        """Return the counts by tone, for the chart."""
        limited = min(self.limited, self.failed)
        return {"ok": self.calls - self.failed, "info": limited, "bad": self.failed - limited}


@dataclass(frozen=True)
class History:
    """Calls of a window, oldest column first."""

    name: str
    columns: Sequence[Column]

    @property
    def tones(self) -> list[dict[str, int]]:
        """Return what the chart draws."""
        return [column.tones for column in self.columns]

    @property
    def calls(self) -> int:
        """Return all calls."""
        return sum(column.calls for column in self.columns)

    @property
    def failed(self) -> int:
        """Return all failures."""
        return sum(column.failed for column in self.columns)

    @property
    def busiest(self) -> Column | None:
        """Return the column with most calls, None where there were none."""
        most = max(self.columns, key=lambda column: column.calls)
        return most if most.calls else None

    @property
    def words(self) -> str:
        """Say what the chart shows, for who does not see it."""
        said = _("Calls in {window}: {calls}, {failed} of them failed").format(
            window=WINDOWS[self.name].words, calls=self.calls, failed=self.failed
        )
        if self.busiest is None:
            return said
        return _("{words}. Most from {when}: {n}").format(
            words=said, when=date_format(self.busiest.start, _("j M, H:i")), n=self.busiest.calls
        )

    @property
    def ticks(self) -> list[str]:
        """Return seven marks of the time axis."""
        form = "H:i" if self.name == "24h" else _("j M")
        starts = [self.columns[len(self.columns) * i // 6].start for i in range(6)]
        return [date_format(at, form) for at in (*starts, self.columns[-1].end)]

    @property
    def with_calls(self) -> list[tuple[str, Column]]:
        """Return the columns that hold calls, newest first, each with when it began."""
        form = _("j M, H:i") if WINDOWS[self.name].size < timedelta(days=1) else _("j M Y")
        return [(date_format(column.start, form), column) for column in reversed(self.columns) if column.calls]


def columns_of(name: str, *, now: datetime) -> list[Column]:
    """Return the empty columns of a window that ends with `now`, whose zone says where days begin."""
    window = WINDOWS[name]
    if window.size < timedelta(days=1):
        return _even(window, now=now)
    tomorrow = (now.astimezone(UTC) if window.counts is CallDay else now).date() + timedelta(days=1)
    zone = UTC if window.counts is CallDay else now.tzinfo
    count = window.days // window.size.days
    days = [tomorrow - window.size * (count - i) for i in range(count + 1)]
    starts = [datetime.combine(day, time(), zone) for day in days]
    return [Column(start, end) for start, end in pairwise(starts)]


def _even(window: Window, *, now: datetime) -> list[Column]:
    """Return columns of even length: their ends are multiples of it since midnight, in the viewer's zone."""
    midnight = datetime.combine(now.date(), time(), now.tzinfo).astimezone(UTC)  # a clock that is set has no even hours
    end = midnight + window.size * (int((now.astimezone(UTC) - midnight) / window.size) + 1)
    count = int(timedelta(days=window.days) / window.size)
    ends = [(end - window.size * (count - i)).astimezone(now.tzinfo) for i in range(count + 1)]
    return [Column(start, end) for start, end in pairwise(ends)]


def history_of(connection_id: UUID, name: str, *, now: datetime) -> History:
    """Return the calls of a connection that was already found visible, in one query."""
    columns, window = columns_of(name, now=now), WINDOWS[name]
    rows = counts_of([connection_id], name, columns=columns).values_list(window.at)
    for at, *sums in rows.annotate(*map(Sum, COUNTS)):
        column = _column_at(columns, _moment(at))
        if column is not None:
            column.calls, column.failed, column.limited = (
                had + more for had, more in zip((column.calls, column.failed, column.limited), sums, strict=True)
            )
    return History(name, columns)


def counts_of(connection_ids: Sequence[UUID], name: str, *, columns: Sequence[Column]) -> QuerySet[Any]:
    """Return the rows of counts that a window is made of."""
    window = WINDOWS[name]
    start: datetime | date = columns[0].start.date() if window.counts is CallDay else columns[0].start
    rows: QuerySet[Any] = window.counts.objects.filter(connection_id__in=connection_ids)
    return rows.filter(**{f"{window.at}__gte": start}).order_by()


def _moment(at: datetime | date) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time(), UTC)


def _column_at(columns: Sequence[Column], at: datetime) -> Column | None:
    """Return the column that a moment falls in. They are in order, and nearly even: look near where it would be."""
    size = (columns[-1].end - columns[0].start) / len(columns)
    place = min(len(columns) - 1, max(0, int((at - columns[0].start) / size)))
    near = columns[max(0, place - 1) : place + 2]
    return next((column for column in near if column.start <= at < column.end), None)
