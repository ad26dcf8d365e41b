"""Adding a batch to rows of counts: a statement for many of them, and rows that are missing are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from itertools import batched, chain
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Model

from integrations.models.router import calls_alias

ROWS = 32  # in one statement: the driver lets go of the interpreter once for all of them


def add_to_counts(
    kind: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, unique: str, counts: Sequence[str]
) -> None:
    """Add the columns `counts` of rows to those of the rows that are there already, found by `unique`.

    No two rows may be the same by `unique`. They are given in an order that every process keeps, so that two never
    wait for each other.
    """
    table = kind._meta.db_table
    put(
        kind,
        columns,
        rows,
        unique=unique,
        set_to=tuple(f"{name} = {table}.{name} + excluded.{name}" for name in counts),
    )


def replace(
    kind: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, unique: str, news: Sequence[str]
) -> None:
    """Write rows over those that are there already, found by `unique`; only the columns `news` of those change."""
    put(kind, columns, rows, unique=unique, set_to=tuple(f"{quoted(name)} = excluded.{quoted(name)}" for name in news))


def quoted(column: str) -> str:
    """Return a column's name as both engines read it: one is called `limit`."""
    return f'"{column}"'


def put(
    kind: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, unique: str, set_to: tuple[str, ...]
) -> None:
    """Insert rows, and where there is one change it as `set_to` says. In the caller's transaction."""
    told = ([for_sqlite(value) for value in row] for row in rows) if _is_sqlite() else rows
    insert_many(kind, columns, told, otherwise=f"ON CONFLICT ({unique}) DO UPDATE SET {', '.join(set_to)}")


def insert_many(
    kind: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, otherwise: str = ""
) -> None:
    """Insert rows, with values as the engine has them, in the caller's transaction; `otherwise` ends each statement.

    Past Django's own cursor, which reads each statement's text again for its parameters; and not by the driver's
    `executemany`, which on SQLite lets go of the interpreter for every row and asks for it again, against the event
    loop.
    """
    connection = connections[calls_alias()]
    table, names, mark = kind._meta.db_table, tuple(columns), "?" if _is_sqlite() else "%s"
    with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
        for some in batched(rows, ROWS, strict=False):
            sql = _statement(table, names, len(some), mark, otherwise)
            cursor.execute(sql, list(chain.from_iterable(some)))


@cache
def _statement(table: str, columns: tuple[str, ...], count: int, mark: str, otherwise: str) -> str:
    row = f"({', '.join([mark] * len(columns))})"
    named = ", ".join(map(quoted, columns))
    return f"INSERT INTO {table} ({named}) VALUES {', '.join([row] * count)} {otherwise}"  # noqa: S608 - our own names


def _is_sqlite() -> bool:
    return connections[calls_alias()].vendor == "sqlite"


def for_sqlite(value: Any) -> Any:
    """Return a value as Django writes it there: an id as 32 hex digits, a time in UTC without its zone, a day."""
    kind = type(value)
    if kind is UUID:
        return f"{value.int:032x}"
    if kind is datetime:
        return str((value if value.tzinfo is UTC else value.astimezone(UTC)).replace(tzinfo=None))
    return value if kind in _AS_IT_IS else str(value)


_AS_IT_IS = frozenset((int, float, str, bool, bytes, type(None)))
