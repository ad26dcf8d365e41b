"""SQLite's own backup interface, in both directions: consistent while others read and write."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections


@contextmanager
def workroom() -> Iterator[Path]:
    """Give a folder in KEYLODGE_HOME that only we may read, and remove it afterwards."""
    home = Path(settings.KEYLODGE_HOME)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=home) as folder:  # made with mode 0700
        yield Path(folder)


def snapshot(alias: str) -> bytes:
    """Return one database as the bytes of a file."""
    with workroom() as room:
        path = room / f"{alias}.sqlite3"
        copy_out(alias, path)
        return path.read_bytes()


def copy_out(alias: str, path: Path) -> None:
    """Copy one database into a new file of mode 0600."""
    make_private(path)
    connection = connections[alias]
    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as target:
        connection.connection.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def copy_in(alias: str, path: Path) -> None:
    """Replace the contents of one database, in one transaction, with those of a file."""
    name = str(settings.DATABASES[alias]["NAME"])
    connection = connections[alias]
    if not name.startswith("file:"):  # a test's database lives in memory
        make_private(Path(name))
    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as source:
        source.backup(connection.connection)
    connection.close()


@contextmanager
def opened(part: bytes) -> Iterator[sqlite3.Connection]:
    """Give a snapshot to be read, in memory. Raises sqlite3.DatabaseError at the first query when it is none."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(part)
        yield database


def count_rows(part: bytes, tables: list[str]) -> dict[str, int]:
    """Return the number of rows of each table in a snapshot."""
    with opened(part) as database:
        return {table: database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}  # noqa: S608


def audit_head(part: bytes) -> tuple[int, bytes]:
    """Return number and hash of the last event in a snapshot."""
    with opened(part) as database:
        seq, last = database.execute("SELECT seq, hash FROM secrets_vault_audithead").fetchone()
        return int(seq), bytes(last)


def make_private(path: Path) -> None:
    """Make a file that only we may read, unless it is there."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
