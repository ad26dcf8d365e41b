"""How a batch reaches the tables: one transaction, the fastest way each engine has."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from integrations.call_log.counting import add_to_counts
from integrations.call_log.groups import group_failures
from integrations.call_log.record import CallRecord
from integrations.call_log.rows import CallRow
from integrations.models import Call, CallHour, ClientHour, GatewayToken, LimitReading
from integrations.models.call import NO_TOKEN, Outcome
from integrations.models.router import calls_alias
from integrations.usage import rollups, spend
from integrations.usage.budgets import after_batch
from secrets_vault.models import StoredSecret

HourKey = tuple[UUID, UUID, UUID, datetime]  # connection, client, token, the hour's start
_COUNTS = ("calls", "failed", "limited", "repeated", "total_ms")
_CLIENT_COUNTS = _COUNTS[:3]
_MAX_BIGINT = 2**63 - 1
_MAX_INT = 2**31 - 1
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
        add_hours(records)
        rollups.add(records, rows)
        spend.add(records)
        keep_readings(records)
    after_batch(records)


def insert(rows: Sequence[CallRow]) -> None:
    """Insert rows of calls: COPY on PostgreSQL, executemany on SQLite."""
    connection = connections[calls_alias()]
    table = connection.ops.quote_name(Call._meta.db_table)
    columns = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Django wraps the driver's errors only on the methods it knows; copy() is none of them.
            with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(_for_postgresql(row))
        else:
            marks = ", ".join(["%s"] * len(COLUMNS))
            sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
            cursor.executemany(sql, [_for_sqlite(row) for row in rows])


def _for_sqlite(row: CallRow) -> list[Any]:
    """Return the columns as Django writes them there: ids as 32 hex digits, times in UTC, JSON as text."""
    values = list(_VALUES(row))
    for at in _IDS:
        if values[at] is not None:
            values[at] = values[at].hex
    values[_TIME] = str(values[_TIME].astimezone(UTC).replace(tzinfo=None))
    for at in _JSON:
        if values[at] is not None:
            values[at] = json.dumps(values[at])
    return values


def _for_postgresql(row: CallRow) -> list[Any]:
    """Return the columns; the driver knows ids and times, and is told what is JSON."""
    from psycopg.types.json import Jsonb

    values = list(_VALUES(row))
    for at in _JSON:
        if values[at] is not None:
            values[at] = Jsonb(values[at])
    return values


def add_hours(records: Iterable[CallRecord]) -> None:
    """Add a batch to the counts of its hours: those of each connection and token, and those of each client."""
    sums: defaultdict[HourKey, list[float]] = defaultdict(lambda: [0, 0, 0, 0, 0.0])
    for record in records:
        if record.connection_id is None:
            continue
        hour = record.at.replace(minute=0, second=0, microsecond=0)
        counts = sums[record.connection_id, record.client_id, record.token_id or NO_TOKEN, hour]
        counts[0] += 1
        counts[1] += record.has_failed
        counts[2] += record.outcome == Outcome.LIMITED
        counts[3] += max(0, record.attempts - 1)
        counts[4] += record.total_ms
    hours = [
        CallHour(
            connection_id=connection,
            client_id=client,
            token_id=token,
            hour=hour,
            **dict(zip(_COUNTS, counts, strict=True)),
        )
        for (connection, client, token, hour), counts in sorted(sums.items(), key=str)
    ]
    add_to_counts(CallHour, hours, unique="connection_id, token_id, hour", counts=_COUNTS)
    add_to_counts(ClientHour, client_hours(sums), unique="client_id, hour", counts=_CLIENT_COUNTS)


def client_hours(sums: Mapping[HourKey, Sequence[float]]) -> list[ClientHour]:
    """Return the counts of connections and tokens added up by client: a row for each hour, not saved yet."""
    clients: defaultdict[tuple[UUID, datetime], list[int]] = defaultdict(lambda: [0] * len(_CLIENT_COUNTS))
    for (_connection, client, _token, hour), counts in sums.items():
        for place in range(len(_CLIENT_COUNTS)):
            clients[client, hour][place] += int(counts[place])
    return [
        ClientHour(client_id=client, hour=hour, **dict(zip(_CLIENT_COUNTS, counts, strict=True)))
        for (client, hour), counts in sorted(clients.items(), key=str)
    ]


def keep_readings(records: Iterable[CallRecord]) -> None:
    """Keep the newest reading of each bucket of each connection."""
    newest: dict[tuple[UUID, str], LimitReading] = {}
    for record in records:
        if record.connection_id is None:
            continue
        for reading in record.readings:
            bucket = reading.bucket[:60]
            newest[(record.connection_id, bucket)] = LimitReading(
                connection_id=record.connection_id,
                client_id=record.client_id,
                bucket=bucket,
                limit=_within(reading.limit, _MAX_BIGINT),
                remaining=_within(reading.remaining, _MAX_BIGINT),
                window_s=_within(reading.window_s, _MAX_INT),
                resets_at=reading.resets_at,
                read_at=record.at,
                source=LimitReading.Source.HEADERS,
            )
    if newest:
        LimitReading.objects.bulk_create(
            [newest[key] for key in sorted(newest, key=str)],
            update_conflicts=True,
            unique_fields=["connection_id", "bucket"],
            update_fields=["limit", "remaining", "window_s", "resets_at", "read_at", "source"],
        )


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
        with transaction.atomic():
            for token_id, (count, at, ip) in sorted(self.tokens.items()):
                used: dict[str, Any] = {"use_count": F("use_count") + count, "last_used_at": at, "last_used_ip": ip}
                GatewayToken.objects.filter(pk=token_id).update(**used)
            for secret_id, at in sorted(self.secrets.items()):
                never = StoredSecret.objects.filter(pk=secret_id, last_used_at=None)
                if not never.update(last_used_at=at):
                    StoredSecret.objects.filter(pk=secret_id).update(last_used_at=Greatest(F("last_used_at"), at))
