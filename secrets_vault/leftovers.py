"""What was deleted leaves the disk, too.

SQLite overwrites deleted rows in its file (`secure_delete`), but the write-ahead log beside it keeps older
pages until it is used anew, which takes long on a quiet installation whose connections stay open.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

WAIT_MS = 500


def wipe() -> None:
    """Empty the write-ahead log of every SQLite database, unless somebody reads or writes just then."""
    wipe_logs(connections[alias] for alias in settings.DATABASES)


def wipe_logs(open_: Iterable[BaseDatabaseWrapper]) -> None:
    """Empty the logs of these databases. Not within a transaction."""
    for connection in open_:
        if connection.vendor != "sqlite" or connection.in_atomic_block:
            continue
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            before = cursor.fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {before}")
