"""A kept connection to SQLite: it follows the file, and leaves nothing deleted in the log beside it."""

from __future__ import annotations

import os
import sqlite3

import pytest
from django.db import connections

from config.sqlite.base import DatabaseWrapper
from secrets_vault.leftovers import wipe_logs

pytestmark = pytest.mark.django_db  # only to be let near a database: each test makes its own
DELETED = "a sealed value that was destroyed"
PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA secure_delete=ON"


@pytest.fixture
def kept(tmp_path):
    """Return a connection to a file of its own, with one row in it."""
    about = connections["default"].settings_dict | {"NAME": str(tmp_path / "kept.sqlite3"), "CONN_HEALTH_CHECKS": True}
    connection = DatabaseWrapper(about | {"CONN_MAX_AGE": None, "OPTIONS": {"init_command": PRAGMAS}}, "kept")
    run(connection, "CREATE TABLE t (word)")
    run(connection, f"INSERT INTO t VALUES ('{DELETED}')")
    yield connection
    connection.close()


def run(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def next_request(connection):
    """Do what Django does between two requests."""
    connection.close_if_unusable_or_obsolete()


def test_a_file_put_in_the_place_of_the_opened_one_is_seen_from_the_next_request(kept, tmp_path):
    with sqlite3.connect(tmp_path / "put_back") as other:
        other.execute("CREATE TABLE t (word)")
        other.execute("INSERT INTO t VALUES ('put back')")
    other.close()
    run(kept, "PRAGMA wal_checkpoint(TRUNCATE)")
    os.replace(tmp_path / "put_back", tmp_path / "kept.sqlite3")
    next_request(kept)
    assert run(kept, "SELECT word FROM t") == [("put back",)]


def test_a_connection_to_the_same_file_stays_open(kept):
    same = kept.connection
    next_request(kept)
    run(kept, "SELECT word FROM t")
    assert kept.connection is same


def test_what_was_deleted_is_in_no_file_afterwards(kept, tmp_path):
    run(kept, "DELETE FROM t")
    assert DELETED.encode() in (tmp_path / "kept.sqlite3-wal").read_bytes()
    wipe_logs([kept])
    assert [path.name for path in tmp_path.iterdir() if DELETED.encode() in path.read_bytes()] == []
    assert run(kept, "PRAGMA busy_timeout") == [(5000,)]


def test_a_reader_in_the_way_ends_nothing(kept, tmp_path):
    reader = sqlite3.connect(tmp_path / "kept.sqlite3", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT word FROM t").fetchall()
    run(kept, "DELETE FROM t")
    wipe_logs([kept])
    assert reader.execute("SELECT word FROM t").fetchall() == [(DELETED,)]
    reader.close()
    wipe_logs([kept])
    assert DELETED.encode() not in (tmp_path / "kept.sqlite3-wal").read_bytes()
