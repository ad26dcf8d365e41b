"""Counts of a batch by minute, by day and by place, added in the transaction that writes its calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from integrations.call_log.counting import add_to_counts
from integrations.models import CallDay, CallHour, CallMinute, PathHour, SpendDay
from integrations.usage.places import NOWHERE, Place, Places, place_of

if TYPE_CHECKING:
    from integrations.call_log.record import CallRecord
    from integrations.call_log.rows import CallRow
    from integrations.call_log.tally import Caller, Moments

KEEP_MINUTES = timedelta(hours=48)
KEEP_HOURS = timedelta(days=100)
KEEP_DAYS = timedelta(days=400)  # thirteen months

_places = Places()


def add(moments: Moments, records: Sequence[CallRecord], rows: Sequence[CallRow]) -> None:
    """Add a batch to its minutes, days and places. In the caller's transaction."""
    if moments:
        minutes, days = minute_rows(moments), day_rows(moments)
        add_to_counts(CallMinute, MINUTE, minutes, unique="connection_id, token_id, minute", counts=_MINUTE)
        add_to_counts(CallDay, DAY, days, unique="connection_id, token_id, day", counts=_DAY)
        places = _place_rows(records, rows)
        add_to_counts(PathHour, PLACE, places, unique="connection_id, hour, method, path", counts=_PLACE)


_MINUTE = ("calls", "failed", "limited")
_DAY = (*_MINUTE, "repeated")
_PLACE = ("calls", "failed")
MINUTE = ("connection_id", "client_id", "token_id", "minute", *_MINUTE)
DAY = ("connection_id", "client_id", "token_id", "day", *_DAY)
PLACE = ("connection_id", "client_id", "hour", "method", "path", *_PLACE)


def minute_rows(minutes: Moments) -> list[tuple[Any, ...]]:
    """Return the rows (`MINUTE`) of minutes."""
    return [
        (*caller, minute, *map(int, counts[: len(_MINUTE)])) for (caller, minute), counts in sorted(minutes.items())
    ]


def day_rows(moments: Moments) -> list[tuple[Any, ...]]:
    """Return the rows (`DAY`) of days in UTC, from counts of minutes or hours."""
    days: dict[tuple[Caller, date], list[int]] = {}
    for (caller, at), counts in moments.items():
        sums = days.setdefault((caller, at.astimezone(UTC).date()), [0] * len(_DAY))
        for place in range(len(_DAY)):
            sums[place] += int(counts[place])
    return [(*caller, day, *counts) for (caller, day), counts in sorted(days.items())]


def _place_rows(records: Sequence[CallRecord], rows: Sequence[CallRow]) -> list[tuple[Any, ...]]:
    sums: dict[tuple[int, datetime, Place, bool], list[Any]] = {}
    for record, row in zip(records, rows, strict=True):
        connection = record.connection_id
        if connection is None:
            continue
        hour = record.at.replace(minute=0, second=0, microsecond=0)
        # Only a place that answered may take a row of its own, so the two kinds are told apart.
        is_there = row.status is not None and row.status not in NOWHERE
        counts = sums.get(key := (connection.int, hour, place_of(row.method, row.path), is_there))
        if counts is None:
            counts = sums[key] = [record, 0, 0]
        counts[1] += 1
        counts[2] += record.has_failed
    return _among_known(sums)


def _among_known(sums: dict[tuple[int, datetime, Place, bool], list[Any]]) -> list[tuple[Any, ...]]:
    """Return the rows (`PLACE`) of places, those without a row of their own under the one for all others."""
    _places.learn((record.connection_id, hour) for (_, hour, _, _), (record, _, _) in sums.items())
    rows: dict[tuple[UUID, datetime, Place], list[Any]] = {}
    for (_, hour, place, is_there), (record, calls, failed) in sums.items():
        mine = _places.row_for((record.connection_id, hour), place, is_there=is_there)
        counts = rows.setdefault((record.connection_id, hour, mine), [record.client_id, 0, 0])
        counts[1] += calls
        counts[2] += failed
    return [
        (connection, client, hour, *place, calls, failed)
        for (connection, hour, place), (client, calls, failed) in sorted(rows.items())
    ]


def prune(now: datetime, *, keep_calls: timedelta) -> int:
    """Forget minutes after two days, hours after a hundred or as long as calls are kept, days after thirteen months."""
    gone = CallMinute.objects.filter(minute__lt=now - KEEP_MINUTES).delete()[0]
    gone += CallHour.objects.filter(hour__lt=now - max(KEEP_HOURS, keep_calls)).delete()[0]
    gone += PathHour.objects.filter(hour__lt=now - KEEP_HOURS).delete()[0]
    oldest = (now - KEEP_DAYS).astimezone(UTC).date()
    gone += CallDay.objects.filter(day__lt=oldest).delete()[0]
    return gone + SpendDay.objects.filter(day__lt=oldest).delete()[0]
