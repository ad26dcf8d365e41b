"""A log of calls, thinner than the real one: only what is looked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from integrations.models import Call
from integrations.models.router import calls_alias
from secrets_vault.ids import uuid7

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ACME, OTHER = uuid4(), uuid4()


def log() -> BaseDatabaseWrapper:
    """Return the connection to the database that holds the calls."""
    return connections[calls_alias()]


def call(*, ago: timedelta = timedelta(0), **fields) -> UUID:
    """Write one failed call and return its id."""
    at = NOW - ago
    given = {"client_id": ACME, "method": "GET", "path": "/x", "status": 404, "outcome": "client_error"} | fields
    return Call.objects.create(**{"pk": uuid7(int(at.timestamp() * 1000)), "at": at, **given}).pk


def many(count: int, **fields) -> list[UUID]:
    """Write that many, a second apart, and return their ids, newest first."""
    return [call(ago=timedelta(seconds=n), **fields) for n in range(count)]


def full_scans(sql: str) -> str:
    """Return the lines of the plan that read a table from end to end, where any index could be taken."""
    with log().cursor() as cursor:
        if log().vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # a table of thirty rows is read whole, and rightly so
            cursor.execute(f"EXPLAIN {sql}")
            return "\n".join(line for (line,) in cursor.fetchall() if "Seq Scan on integrations_call" in line)
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(row[3] for row in cursor.fetchall() if row[3].startswith("SCAN integrations_call"))
