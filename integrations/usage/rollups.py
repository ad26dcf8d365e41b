"""Counts of a batch by minute, by day and by place, added in the transaction that writes its calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from integrations.call_log.counting import add_to_counts
from integrations.models import CallDay, CallHour, CallMinute, PathHour, SpendDay
from integrations.models.call import NO_TOKEN, Outcome
from integrations.usage.places import Hour, Place, Places, place_of

if TYPE_CHECKING:
    from integrations.call_log.record import CallRecord
    from integrations.call_log.rows import CallRow

KEEP_MINUTES = timedelta(hours=48)
KEEP_HOURS = timedelta(days=100)
KEEP_DAYS = timedelta(days=400)  # thirteen months

Caller = tuple[UUID, UUID, UUID]  # connection, client, token

_places = Places()


def add(records: Sequence[CallRecord], rows: Sequence[CallRow]) -> None:
    """Add a batch to its minutes, days and places. In the caller's transaction."""
    minutes: defaultdict[tuple[Caller, datetime], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for record in records:
        if record.connection_id is not None:
            caller = record.connection_id, record.client_id, record.token_id or NO_TOKEN
            counts = minutes[caller, record.at.replace(second=0, microsecond=0)]
            counts[0] += 1
            counts[1] += record.has_failed
            counts[2] += record.outcome == Outcome.LIMITED
            counts[3] += max(0, record.attempts - 1)
    if minutes:
        add_to_counts(CallMinute, minute_rows(minutes), unique="connection_id, token_id, minute", counts=_MINUTE)
        add_to_counts(CallDay, day_rows(minutes), unique="connection_id, token_id, day", counts=_DAY)
        add_to_counts(PathHour, _place_rows(records, rows), unique="connection_id, hour, method, path", counts=_PLACE)


_MINUTE = ("calls", "failed", "limited")
_DAY = (*_MINUTE, "repeated")
_PLACE = ("calls", "failed")


def minute_rows(minutes: dict[tuple[Caller, datetime], list[int]]) -> list[CallMinute]:
    """Return rows of minutes, not saved yet."""
    return [
        CallMinute(connection_id=connection, client_id=client, token_id=token, minute=minute,
                   **dict(zip(_MINUTE, counts, strict=False)))
        for ((connection, client, token), minute), counts in sorted(minutes.items())
    ]  # fmt: skip


def day_rows(moments: dict[tuple[Caller, datetime], list[int]]) -> list[CallDay]:
    """Return rows of days in UTC, from counts of minutes or hours; not saved yet."""
    days: defaultdict[tuple[Caller, date], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (caller, at), counts in moments.items():
        sums = days[caller, at.astimezone(UTC).date()]
        for place, count in enumerate(counts):
            sums[place] += int(count)
    return [
        CallDay(connection_id=connection, client_id=client, token_id=token, day=day,
                **dict(zip(_DAY, counts, strict=True)))
        for ((connection, client, token), day), counts in sorted(days.items())
    ]  # fmt: skip


def _place_rows(records: Sequence[CallRecord], rows: Sequence[CallRow]) -> list[PathHour]:
    known = [
        (record, row, (record.connection_id, record.at.replace(minute=0, second=0, microsecond=0)))
        for record, row in zip(records, rows, strict=True)
        if record.connection_id is not None
    ]
    _places.learn(key for _, _, key in known)
    sums: dict[tuple[Hour, Place], list[int]] = {}
    clients: dict[UUID, UUID] = {}
    for record, row, key in known:
        place = _places.row_for(key, place_of(row.method, row.path.partition("?")[0]), status=row.status)
        counts = sums.setdefault((key, place), [0, 0])
        counts[0] += 1
        counts[1] += record.has_failed
        clients[key[0]] = record.client_id
    return [
        PathHour(connection_id=pk, client_id=clients[pk], hour=hour, method=place[0], path=place[1],
                 calls=counts[0], failed=counts[1])
        for ((pk, hour), place), counts in sorted(sums.items())
    ]  # fmt: skip


def prune(now: datetime, *, keep_calls: timedelta) -> int:
    """Forget minutes after two days, hours after a hundred or as long as calls are kept, days after thirteen months."""
    gone = CallMinute.objects.filter(minute__lt=now - KEEP_MINUTES).delete()[0]
    gone += CallHour.objects.filter(hour__lt=now - max(KEEP_HOURS, keep_calls)).delete()[0]
    gone += PathHour.objects.filter(hour__lt=now - KEEP_HOURS).delete()[0]
    oldest = (now - KEEP_DAYS).astimezone(UTC).date()
    gone += CallDay.objects.filter(day__lt=oldest).delete()[0]
    return gone + SpendDay.objects.filter(day__lt=oldest).delete()[0]
