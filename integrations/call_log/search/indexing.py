"""Making the index of words, as each engine has it.

Not a step of a migration: Django makes a table of SQLite's anew to change a column, and triggers go with the old one;
and a managed PostgreSQL may give the extension years later. So it is looked at after every `migrate`.
"""

# ruff: noqa: S608 - every name in these statements is our own

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, connections, transaction

from integrations.call_log.search.words import INDEX, MOST_INDEXED, has_index
from integrations.models.router import calls_alias

logger = logging.getLogger(__name__)

_TABLE = "integrations_call"
_WORDED = ("path", "cause", "code", "request_body", "response_body")
_ACTS = ("insert", "delete", "update")
_NOTABLE = "NOT (outcome = 'ok')"


def after_migrate(*, using: str, **_of_the_signal: Any) -> None:
    """Make what is missing of the index, in the database that holds the calls."""
    connection = connections[using]
    if using == calls_alias() and _TABLE in connection.introspection.table_names():
        make_index(connection)


def make_index(connection: Any) -> bool:
    """Make what is missing of the index of words; return whether it is there now."""
    has_index.cache_clear()
    if has_index():
        return True
    statements = _postgresql() if connection.vendor == "postgresql" else _sqlite()
    try:
        # What a managed database refuses, or an SQLite without FTS5, must not end `migrate`.
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    except DatabaseError as error:
        logger.warning("no index of words in calls: %s", type(error.__cause__ or error).__name__)
        _let_go(connection)
    has_index.cache_clear()
    return has_index()


def _let_go(connection: Any) -> None:
    """Take away SQLite's triggers: a log that came from a machine with FTS5 must be written where there is none."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for act in _ACTS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {INDEX}_{act}")


def _postgresql() -> list[str]:
    """Return the statements. `pg_trgm` is a trusted extension: who owns the database may make it."""
    columns = ["path", "cause", "code", *(f"(LEFT({name}, {MOST_INDEXED}))" for name in _WORDED[3:])]
    trigrams = ", ".join(f"{column} gin_trgm_ops" for column in columns)
    return [
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        f"CREATE INDEX IF NOT EXISTS {INDEX} ON {_TABLE} USING gin ({trigrams}) WHERE {_NOTABLE}",
    ]


def _sqlite() -> list[str]:
    """Return the statements: an index without the text itself, and triggers, so that every way of writing is in it.

    A call's own rowid may change (its key is a UUID), so a table of numbers stands between.
    """
    columns, new, old = ", ".join(_WORDED), _values("new"), _values("old")
    number = f"(SELECT n FROM {INDEX}_ids WHERE id = %s.id)"
    add = (
        f"INSERT INTO {INDEX}_ids (id) VALUES (new.id);"
        f"INSERT INTO {INDEX} (rowid, {columns}) VALUES ({number % 'new'}, {new});"
    )
    gone = f"SELECT 'delete', n, {old} FROM {INDEX}_ids WHERE id = old.id"
    take = f"INSERT INTO {INDEX} ({INDEX}, rowid, {columns}) {gone};"
    begin = "WHEN NOT (%s.outcome = 'ok') BEGIN"
    return [
        # Without its triggers an index knows neither what came nor what was forgotten since: it is made anew.
        f"DROP TABLE IF EXISTS {INDEX}",
        f"DROP TABLE IF EXISTS {INDEX}_ids",
        *(f"DROP TRIGGER IF EXISTS {INDEX}_{act}" for act in _ACTS),
        f"CREATE TABLE {INDEX}_ids (n INTEGER PRIMARY KEY, id char(32) NOT NULL UNIQUE)",
        f"CREATE VIRTUAL TABLE {INDEX} USING fts5({columns}, content='', tokenize='trigram')",
        f"CREATE TRIGGER {INDEX}_insert AFTER INSERT ON {_TABLE} {begin % 'new'} {add} END",
        f"CREATE TRIGGER {INDEX}_delete AFTER DELETE ON {_TABLE} {begin % 'old'} {take} "
        f"DELETE FROM {INDEX}_ids WHERE id = old.id; END",
        f"CREATE TRIGGER {INDEX}_update AFTER UPDATE OF {columns} ON {_TABLE} {begin % 'new'} {take} "
        f"INSERT INTO {INDEX} (rowid, {columns}) SELECT n, {new} FROM {INDEX}_ids WHERE id = new.id; END",
        f"INSERT INTO {INDEX}_ids (id) SELECT id FROM {_TABLE} WHERE {_NOTABLE} ORDER BY id",
        f"INSERT INTO {INDEX} (rowid, {columns}) SELECT n, {_values('c')} FROM {INDEX}_ids JOIN {_TABLE} c USING (id)",
    ]


def _values(row: str) -> str:
    """Return the columns that are indexed, of a row of this name, bodies cut."""
    return ", ".join(
        f"substr({row}.{name}, 1, {MOST_INDEXED})" if name.endswith("_body") else f"{row}.{name}" for name in _WORDED
    )
