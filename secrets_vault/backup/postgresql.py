"""A logical export of PostgreSQL by COPY: every table as of one moment, columns named."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.color import no_style
from django.db import connection, connections, transaction

from secrets_vault.backup.tables import models_in

AUDIT_TABLE = "secrets_vault_auditevent"


def snapshot(alias: str) -> dict[str, bytes]:
    """Return each table as a part: a line with its columns in JSON, then COPY's text format.

    Must run inside a transaction of isolation REPEATABLE READ, so that all tables show one moment.
    """
    return {f"rows/{model._meta.db_table}": _copy_out(alias, model) for model in models_in(alias)}


def one_moment(alias: str) -> None:
    """Make the transaction that has just begun see one moment of the database."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _copy_out(alias: str, model: type[Any]) -> bytes:
    columns = [field.column for field in model._meta.local_concrete_fields]
    names = ", ".join(_quote(name) for name in columns)
    lines = [json.dumps(columns).encode() + b"\n"]
    statement = f"COPY (SELECT {names} FROM {_quote(model._meta.db_table)}) TO STDOUT"  # noqa: S608
    with connections[alias].cursor() as cursor, cursor.copy(statement) as rows:
        lines.extend(bytes(line) for line in rows)
    return b"".join(lines)


def copy_in(parts: dict[str, bytes]) -> None:
    """Replace all rows with those of the parts. Must run inside a transaction, whose end decides."""
    models = models_in("default")
    tables = ", ".join(_quote(model._meta.db_table) for model in models)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(f"ALTER TABLE {AUDIT_TABLE} DISABLE TRIGGER USER")
        cursor.execute(f"TRUNCATE {tables}")
        cursor.execute(f"ALTER TABLE {AUDIT_TABLE} ENABLE TRIGGER USER")
        for model in models:
            _copy_table_in(cursor, model, parts[f"rows/{model._meta.db_table}"])
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def _copy_table_in(cursor: Any, model: type[Any], part: bytes) -> None:
    head, _, rows = part.partition(b"\n")
    known = {field.column for field in model._meta.local_concrete_fields}
    columns = [name for name in json.loads(head) if name in known]
    names = ", ".join(_quote(name) for name in columns)
    with cursor.copy(f"COPY {_quote(model._meta.db_table)} ({names}) FROM STDIN") as out:
        out.write(rows)


def _quote(name: str) -> str:
    return str(connection.ops.quote_name(name))


def in_transaction() -> Any:
    """Return the transaction that a restore runs in."""
    return transaction.atomic(durable=True)
