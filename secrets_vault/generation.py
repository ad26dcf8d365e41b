"""A number that grows whenever something cached elsewhere may have changed.

On one machine it is eight bytes in a file that every process maps: reading it costs no system call,
so the gateway looks at it on every call. `bump()` takes effect after the transaction commits. With
PostgreSQL it also sends a NOTIFY, and a listener on every machine counts its own file up.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

CHANNEL = "keylodge_generation"
FLOOR_S = 1.0
_COUNTER = struct.Struct("<Q")
_guard = threading.Lock()
_mapped: tuple[Any, int, mmap.mmap] | None = None


def current() -> int:
    """Return the generation that this machine knows of."""
    return int(_COUNTER.unpack_from(_map()[2])[0])


def bump() -> None:
    """Tell every process, once this transaction has committed, to drop what it keeps in memory."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])  # delivered at commit
    transaction.on_commit(count_up)


def count_up() -> None:
    """Count this machine's file up at once."""
    with _guard:
        _path, handle, counter = _map()
        fcntl.lockf(handle, fcntl.LOCK_EX)
        try:
            _COUNTER.pack_into(counter, 0, _COUNTER.unpack_from(counter)[0] + 1)
        finally:
            fcntl.lockf(handle, fcntl.LOCK_UN)


class Listener:
    """Follows the other machines' changes from a thread of its own, until it is stopped."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="generation", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connection, within about a second."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _listen(self) -> None:
        import psycopg

        while not self._stopping.is_set():
            try:
                with psycopg.connect(**_parameters(), autocommit=True, connect_timeout=2) as listening:
                    listening.execute(f"LISTEN {CHANNEL}")
                    count_up()  # whatever was said while nobody listened
                    self._follow(listening)
            except psycopg.Error:
                # Deaf: assume a change every second rather than miss a revocation.
                self._stopping.wait(FLOOR_S)
                count_up()

    def _follow(self, listening: Any) -> None:
        while not self._stopping.is_set():
            for _ in listening.notifies(timeout=FLOOR_S):
                count_up()


def start_listener() -> Listener | None:
    """Follow the other machines' changes. For the web process and the worker; None without PostgreSQL."""
    return Listener() if connection.vendor == "postgresql" else None


def _parameters() -> dict[str, Any]:
    named = connection.get_connection_params()
    return {name: named[name] for name in ("dbname", "user", "password", "host", "port") if named.get(name)}


def _map() -> tuple[Any, int, mmap.mmap]:
    global _mapped
    home = settings.KEYLODGE_HOME
    # Asked on every call of the gateway: the same object is the same folder, and no path need be put together.
    if _mapped is None or _mapped[0] is not home:
        path = Path(home) / "generation"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(handle).st_size < _COUNTER.size:
            os.ftruncate(handle, _COUNTER.size)  # grows with zeroes; a second process does the same
        _mapped = home, handle, mmap.mmap(handle, _COUNTER.size)
    return _mapped
