"""How long calls are kept: on PostgreSQL by whole days' partitions, on SQLite in slices."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from django.db import connections, transaction
from django.db.models import QuerySet

from integrations.call_log.keeping import Kept
from integrations.models import ApiReceipt, Call, CallAgain, ClientHour, TokenWindow
from integrations.models.partitions import day_bound
from integrations.models.router import calls_alias
from integrations.usage import rollups

DAYS_AHEAD = 3
SLICE = 2_000
PAUSE_S = 0.05
KEEP_RECEIPTS = timedelta(days=7)  # how long an idempotency key of /api/v1 is known; its documentation says so
_TABLE = Call._meta.db_table


def ensure_partitions(now: datetime) -> int:
    """Make the partitions of today and the days to come; return how many were made. Nothing on SQLite.

    Where the default partition already holds rows of a day, they are moved into the new one.
    """
    connection = connections[calls_alias()]
    if connection.vendor != "postgresql":
        return 0
    have = set(_partitions())
    days = [now.astimezone(UTC).date() + timedelta(days=n) for n in range(DAYS_AHEAD + 1)]
    missing = [day for day in days if day not in have]
    for day in missing:
        _make(day)
    return len(missing)


def _make(day: date) -> None:
    """Make one day's partition beside the others, move what waited in the default one, then attach it."""
    first, after = day_bound(day), day_bound(day + timedelta(days=1))
    name, default = _name(day), f"{_TABLE}_default"
    with transaction.atomic(using=calls_alias()), connections[calls_alias()].cursor() as cursor:
        cursor.execute(f"LOCK TABLE {_TABLE} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {_TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {default} WHERE id >= %s AND id < %s RETURNING *) "  # noqa: S608 - own names
            f"INSERT INTO {name} SELECT * FROM moved",
            [first, after],
        )
        cursor.execute(f"ALTER TABLE {_TABLE} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{after}')")


def _name(day: date) -> str:
    return f"{_TABLE}_{day:%Y%m%d}"


def _partitions() -> list[date]:
    """Return the days that have a partition."""
    with connections[calls_alias()].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = %s",
            [_TABLE],
        )
        ends = [name.removeprefix(f"{_TABLE}_") for (name,) in cursor.fetchall()]
    return [datetime.strptime(end, "%Y%m%d").date() for end in ends if end.isdigit()]


def drop_old(kept: Kept, *, now: datetime, sleep: Callable[[float], None] = time.sleep) -> int:
    """Forget the calls that are kept no longer; return how many days (PostgreSQL) or rows went.

    A partition holds every client's calls of a day, so it is dropped by the longest time; shorter ones go in slices.
    """
    oldest = now - kept.longest
    ClientHour.objects.filter(hour__lt=oldest - timedelta(days=400)).delete()
    rollups.prune(now, keep_calls=kept.longest)
    TokenWindow.objects.exclude(window__in=("uses", "gap")).filter(starts_at__lt=now - timedelta(days=2)).delete()
    ApiReceipt.objects.filter(at__lt=now - KEEP_RECEIPTS).delete()
    CallAgain.objects.filter(at__lt=oldest).delete()
    gone = 0
    if connections[calls_alias()].vendor == "postgresql":
        gone = _drop_partitions(oldest.astimezone(UTC).date())
    return gone + sum(_delete_slices(rows, sleep=sleep) for rows in kept.over(now=now))


def blank_bodies(kept: Kept, *, now: datetime, sleep: Callable[[float], None] = time.sleep) -> int:
    """Empty the kept heads and bodies of failed calls that are kept no longer; the rows stay. Return how many."""
    empty = {"request_head": "", "request_body": "", "response_head": "", "response_body": ""}
    gone = 0
    for rows in kept.over(now=now):
        old = rows.exclude(request_head="", response_head="").order_by("-pk")
        while ids := list(old.values_list("pk", flat=True)[:SLICE]):
            gone += Call.objects.filter(pk__in=ids).update(**empty)
            sleep(PAUSE_S)
    return gone


def _drop_partitions(before: date) -> int:
    old = [day for day in _partitions() if day < before]
    with connections[calls_alias()].cursor() as cursor:
        for day in old:
            cursor.execute(f"DROP TABLE {_name(day)}")
    return len(old)


def _delete_slices(rows: QuerySet[Call], *, sleep: Callable[[float], None]) -> int:
    """Delete a few thousand rows a transaction: one big delete would hold the writer for seconds."""
    gone = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:SLICE]):
        gone += rows.filter(pk__lte=ids[-1]).delete()[0]
        if len(ids) < SLICE:
            break
        sleep(PAUSE_S)
    return gone
