"""The gateway's own read connection: all that a token and a slug open, in one indexed query.

This is the listed door of the gateway to the database: Django's cursors refuse to run in the event
loop. SQLite is read where we stand, which takes some fifty microseconds; PostgreSQL is awaited.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from django.db import connections

from integrations.gateway.found import DATABASE, TABLES, Rows
from integrations.models import Connection, GatewayToken, Outage, TrustedIssuer
from integrations.outbound import ALLOWED_HOSTS_SETTING

if TYPE_CHECKING:
    import psycopg

BUSY_S = 0.25
WITHIN_S = 3.0
ANSWERED_S = 2 * WITHIN_S

# The id of the keyring term stands in a blob at a fixed place (`envelope.py`), so that it can be joined.
TERM_OF_BLOB = {
    "sqlite": "lower(hex(substr(f.blob, 3, 16)))",
    "postgresql": "encode(substring(f.blob FROM 3 FOR 16), 'hex')::uuid",
}
MARKS = {"sqlite": (":slug", ":hash"), "postgresql": ("%(slug)s", "%(hash)s")}
MOST_TRUSTED = 20


class Unavailable(Exception):
    """The database could not be read just now."""


class Reader(Protocol):
    """Reads the rows of a route."""

    async def rows(self, token_hash: bytes, slug: str) -> Rows:
        """Return them, one for each sealed field, none for an unknown token; raises Unavailable."""

    async def trusted(self, issuer: str, slug: str) -> Rows:
        """Return who trusts an issuer for this slug: TRUSTED's columns; raises Unavailable."""

    async def origins(self, slug: str) -> Rows:
        """Return origins, methods and end of the living tokens of a connection that name origins."""

    async def outages(self) -> Rows:
        """Return the upstreams that do not answer: OUTAGES' columns; raises Unavailable."""

    async def close(self) -> None:
        """Close the connection, if one is open."""


def reader() -> Reader:
    """Return the reader of the database that is set. It connects when it is first asked."""
    connection = connections[DATABASE]
    if connection.vendor == "postgresql":
        return PostgresReader(connection.get_connection_params())
    return SQLiteReader(str(connection.settings_dict["NAME"]))


@cache
def query(vendor: str) -> str:
    """Return the one query, with its two parameters marked as the driver wants them."""
    slug, token_hash = MARKS[vendor]
    columns = ", ".join(f"{alias}.{name}" for alias, (_, names) in TABLES.items() for name in names)
    table = {alias: model._meta.db_table for alias, (model, _) in TABLES.items()}
    granted = GatewayToken.connections.through._meta.db_table
    return (
        f"SELECT {columns} FROM {table['t']} t "  # noqa: S608 - names of our own models
        f"LEFT JOIN {table['c']} c ON c.slug = {slug} "
        f"AND EXISTS (SELECT 1 FROM {granted} g WHERE g.gatewaytoken_id = t.id AND g.connection_id = c.id) "
        f"LEFT JOIN {table['s']} s ON s.id IN (c.secret_id, c.beside_secret_id) "
        f"LEFT JOIN {table['v']} v ON v.id = s.current_id "
        f"LEFT JOIN {table['f']} f ON f.version_id = v.id "
        f"LEFT JOIN {table['k']} k ON k.id = {TERM_OF_BLOB[vendor]} "
        f"LEFT JOIN {table['p']} p ON p.key = c.provider_key "
        f"LEFT JOIN {table['e']} e ON e.id = c.environment_id "
        f"LEFT JOIN {table['i']} i ON i.key = '{ALLOWED_HOSTS_SETTING}' "
        f"WHERE t.token_hash = {token_hash} OR t.previous_hash = {token_hash} ORDER BY f.position, f.id"
    )


TRUSTED = ("i.id", "i.audience", "i.jwks_url", "i.keys", "i.algs", "i.claims", "t.token_hash")


@cache
def trusted_query(vendor: str) -> str:
    """Return the query for the issuers whose JWTs open a slug, by way of living tokens alone."""
    slug, issuer = MARKS[vendor]
    granted = GatewayToken.connections.through._meta.db_table
    return (
        f"SELECT {', '.join(TRUSTED)} FROM {TrustedIssuer._meta.db_table} i "  # noqa: S608 - names of our own models
        f"JOIN {GatewayToken._meta.db_table} t ON t.id = i.token_id AND t.revoked_at IS NULL "
        f"JOIN {granted} g ON g.gatewaytoken_id = t.id "
        f"JOIN {Connection._meta.db_table} c ON c.id = g.connection_id AND c.slug = {slug} "
        f"WHERE i.issuer = {issuer} ORDER BY i.id LIMIT {MOST_TRUSTED + 1}"
    )


@cache
def origins_query(vendor: str) -> str:
    """Return the query for the living tokens of a slug that web pages may use."""
    slug, _ = MARKS[vendor]
    granted = GatewayToken.connections.through._meta.db_table
    has_origins = {"sqlite": "t.origins <> '[]'", "postgresql": "t.origins <> '[]'::jsonb"}[vendor]
    return (
        f"SELECT t.origins, t.methods, t.expires_at FROM {Connection._meta.db_table} c "  # noqa: S608 - our own models
        f"JOIN {granted} g ON g.connection_id = c.id "
        f"JOIN {GatewayToken._meta.db_table} t ON t.id = g.gatewaytoken_id AND t.revoked_at IS NULL "
        f"WHERE c.slug = {slug} AND {has_origins} LIMIT {MOST_TRUSTED}"
    )


OUTAGES = ("id", "origin", "connection_id", "opened_at", "next_try_at", "trying_until", "version")


@cache
def outages_query() -> str:
    """Return the query for the open outages."""
    return f"SELECT {', '.join(OUTAGES)} FROM {Outage._meta.db_table} WHERE is_open"  # noqa: S608 - our own model


class SQLiteReader:
    """Reads the database file in the event loop: with the write-ahead log no writer keeps a reader waiting."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_file = not name.startswith("file:")  # a test's database lives in memory
        self._open: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    async def rows(self, token_hash: bytes, slug: str) -> Rows:
        """Return the rows; raises Unavailable."""
        return await self._asked(query("sqlite"), token_hash, slug)

    async def trusted(self, issuer: str, slug: str) -> Rows:
        """Return who trusts an issuer for this slug; raises Unavailable."""
        return await self._asked(trusted_query("sqlite"), issuer, slug)

    async def origins(self, slug: str) -> Rows:
        """Return origins, methods and end of the tokens that name origins; raises Unavailable."""
        return await self._asked(origins_query("sqlite"), b"", slug)

    async def outages(self) -> Rows:
        """Return the upstreams that do not answer; raises Unavailable."""
        return await self._asked(outages_query(), b"", "")

    async def _asked(self, sql: str, wanted: bytes | str, slug: str) -> Rows:
        try:
            return self._connection().execute(sql, {"slug": slug, "hash": wanted}).fetchall()
        except (sqlite3.Error, OSError) as error:
            await self.close()
            raise Unavailable("the database file cannot be read") from error

    def _connection(self) -> sqlite3.Connection:
        """Return the open connection; a new one where another file has come in the place of the one we opened."""
        file = self._identity()
        if self._open is None or file != self._file:
            if self._open is not None:
                self._open.close()
            uri = Path(self._name).absolute().as_uri() + "?mode=ro" if self._is_file else self._name
            self._open, self._file = sqlite3.connect(uri, timeout=BUSY_S, isolation_level=None, uri=True), file
            self._open.execute("PRAGMA query_only = ON")
            # Only a test's memory heeds it, which two connections share: there a reader would not wait for a writer
            # but fail. A file's readers never meet a writer.
            self._open.execute("PRAGMA read_uncommitted = ON")
        return self._open

    def _identity(self) -> tuple[int, int] | None:
        if not self._is_file:
            return None
        found = os.stat(self._name)
        return found.st_dev, found.st_ino

    async def close(self) -> None:
        """Close the connection, if one is open."""
        if self._open is not None:
            self._open.close()
            self._open = None


class PostgresReader:
    """Reads over one connection of its own, awaited, and connects anew where it was lost."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        ours = {"cursor_factory", "context", "prepare_threshold"}  # Django's own cursors and types
        self._parameters = {name: value for name, value in parameters.items() if name not in ours}
        self._open: psycopg.AsyncConnection[Any] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def rows(self, token_hash: bytes, slug: str) -> Rows:
        """Return the rows; raises Unavailable."""
        return await self._answered(query("postgresql"), token_hash, slug)

    async def trusted(self, issuer: str, slug: str) -> Rows:
        """Return who trusts an issuer for this slug; raises Unavailable."""
        return await self._answered(trusted_query("postgresql"), issuer, slug)

    async def origins(self, slug: str) -> Rows:
        """Return origins, methods and end of the tokens that name origins; raises Unavailable."""
        return await self._answered(origins_query("postgresql"), b"", slug)

    async def outages(self) -> Rows:
        """Return the upstreams that do not answer; raises Unavailable."""
        return await self._answered(outages_query(), b"", "")

    async def _answered(self, sql: str, wanted: bytes | str, slug: str) -> Rows:
        import psycopg

        try:
            # The wait for one's turn counts: behind a server that is silent, calls would else wait one after the other.
            async with asyncio.timeout(ANSWERED_S), self._one_at_a_time:
                return await self._asked_once_more(sql, wanted, slug)
        except (psycopg.Error, OSError, TimeoutError) as error:
            raise Unavailable("the database cannot be reached") from error

    async def _asked_once_more(self, sql: str, wanted: bytes | str, slug: str) -> Rows:
        """Ask again over a new connection where the kept one fails: the server may have been started anew since."""
        import psycopg

        was_open = self._open is not None
        try:
            return await self._asked(sql, wanted, slug)
        except (psycopg.Error, OSError, TimeoutError):
            if not was_open:
                raise
        return await self._asked(sql, wanted, slug)

    async def _asked(self, sql: str, wanted: bytes | str, slug: str) -> Rows:
        import psycopg

        try:
            async with asyncio.timeout(WITHIN_S):
                if self._open is None:
                    self._open = await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True)
                asked = await self._open.execute(sql, {"slug": slug, "hash": wanted}, prepare=True)
                return await asked.fetchall()
        except BaseException:
            await self.close()  # an answer may still be on its way: nobody else may read it
            raise

    async def close(self) -> None:
        """Close the connection, if one is open."""
        if self._open is not None:
            open_, self._open = self._open, None
            await open_.close()
