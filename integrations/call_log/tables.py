"""How a batch reaches the tables: one transaction, the fastest way each engine has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from integrations.call_log.counting import for_sqlite, insert_many, replace
from integrations.call_log.groups import group_failures
from integrations.call_log.record import CallRecord
from integrations.call_log.rows import CallRow
from integrations.call_log.tally import add_hours, tally
from integrations.limits import Reading
from integrations.models import Call, GatewayToken, LimitReading
from integrations.models.router import calls_alias
from integrations.usage import rollups, spend
from integrations.usage.budgets import after_batch
from secrets_vault.models import StoredSecret

_MAX_BIGINT = 2**63 - 1
_MAX_INT = 2**31 - 1
_as_json = json.JSONEncoder(check_circular=False).encode
COLUMNS = tuple(column.name for column in fields(CallRow))
_VALUES = attrgetter(*COLUMNS)
_IDS = tuple(COLUMNS.index(name) for name in COLUMNS if name == "id" or name.endswith("_id"))
_TIME = COLUMNS.index("at")
_JSON = (COLUMNS.index("timeline"), COLUMNS.index("reading"))


def write_batch(records: Sequence[CallRecord], rows: Sequence[CallRow]) -> None:
    """Write the rows of a batch, one for each record, and everything that is counted from them."""
    with transaction.atomic(using=calls_alias()):
        group_failures(records, rows)
        insert(rows)
        moments = tally(records)
        add_hours(moments)
        rollups.add(moments, records, rows)
        spend.add(records)
        keep_readings(records)
    after_batch(records)


def insert(rows: Sequence[CallRow]) -> None:
    """Insert rows of calls: COPY on PostgreSQL, many rows in a statement on SQLite."""
    connection = connections[calls_alias()]
    if connection.vendor == "sqlite":
        insert_many(Call, COLUMNS, map(_for_sqlite, rows))
        return
    into = f"COPY {connection.ops.quote_name(Call._meta.db_table)} ({', '.join(COLUMNS)}) FROM STDIN"
    # Django wraps the driver's errors only on the methods it knows; copy() is none of them.
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(_for_postgresql(row))


def _for_sqlite(row: CallRow) -> list[Any]:
    """Return the columns as Django writes them there: ids as 32 hex digits, times in UTC, JSON as text."""
    values = list(_VALUES(row))
    for at in _IDS:
        if values[at] is not None:
            values[at] = values[at].hex
    values[_TIME] = str(values[_TIME].astimezone(UTC).replace(tzinfo=None))
    for at in _JSON:
        if values[at] is not None:
            values[at] = _as_json(values[at])
    return values


def _for_postgresql(row: CallRow) -> list[Any]:
    """Return the columns; the driver knows ids and times, and is told what is JSON."""
    from psycopg.types.json import Jsonb

    values = list(_VALUES(row))
    for at in _JSON:
        if values[at] is not None:
            values[at] = Jsonb(values[at])
    return values


def keep_readings(records: Iterable[CallRecord]) -> None:
    """Keep the newest reading of each bucket of each connection."""
    newest: dict[tuple[int, str], tuple[CallRecord, Reading]] = {}
    for record in records:
        if record.readings and record.connection_id is not None:
            number = record.connection_id.int
            for reading in record.readings:
                newest[number, reading.bucket] = record, reading
    # Two buckets that are one once they are cut: the later one stands.
    rows = {(number, bucket[:60]): _as_columns(*newest[number, bucket]) for number, bucket in sorted(newest)}
    replace(LimitReading, _READING, rows.values(), unique="connection_id, bucket", news=_READING_NEWS)


def _as_columns(record: CallRecord, reading: Reading) -> tuple[Any, ...]:
    return (
        record.connection_id,
        record.client_id,
        reading.bucket[:60],
        _within(reading.limit, _MAX_BIGINT),
        _within(reading.remaining, _MAX_BIGINT),
        _within(reading.window_s, _MAX_INT),
        reading.resets_at,
        record.at,
        LimitReading.Source.HEADERS.value,
    )


_READING_NEWS = ("limit", "remaining", "window_s", "resets_at", "read_at", "source")
_READING = ("connection_id", "client_id", "bucket", *_READING_NEWS)


def _within(number: int | None, most: int) -> int | None:
    return None if number is None else max(0, min(number, most))


@dataclass(slots=True)
class Uses:
    """What tokens and secrets were used since the last flush: the main database is not written every batch."""

    tokens: dict[UUID, tuple[int, datetime, str]]
    secrets: dict[UUID, datetime]

    @classmethod
    def none(cls) -> Uses:
        """Return an empty count."""
        return cls({}, {})

    def add(self, record: CallRecord) -> None:
        """Count one call."""
        if record.token_id is not None:
            count = self.tokens.get(record.token_id, (0, record.at, ""))[0]
            self.tokens[record.token_id] = (count + 1, record.at, record.caller_ip[:45])
        if record.secret_id is not None and record.attempts:
            self.secrets[record.secret_id] = record.at

    def write(self) -> None:
        """Add to the rows of the tokens and secrets."""
        if not self.tokens and not self.secrets:
            return
        tokens = [(count, at, ip, token_id) for token_id, (count, at, ip) in sorted(self.tokens.items())]
        secrets = [(at, secret_id, at) for secret_id, at in sorted(self.secrets.items())]
        with transaction.atomic():
            _run(_USED_TOKEN, tokens)
            _run(_USED_SECRET, secrets)


_USED_TOKEN = (
    f"UPDATE {GatewayToken._meta.db_table} SET use_count = use_count + %s, last_used_at = %s, last_used_ip = %s "  # noqa: S608 - our own names
    "WHERE id = %s"
)
_USED_SECRET = (
    f"UPDATE {StoredSecret._meta.db_table} SET last_used_at = %s "  # noqa: S608 - our own names
    "WHERE id = %s AND (last_used_at IS NULL OR last_used_at < %s)"
)


def _run(sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run a statement for each of the rows in the main database: Django asks ten times as much a row."""
    if not rows:
        return
    connection = connections[DEFAULT_DB_ALIAS]
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.executemany(sql, [tuple(map(for_sqlite, row)) for row in rows] if is_sqlite else rows)
