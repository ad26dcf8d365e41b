"""The gateway's own read connection: all that a token and a slug open, in one indexed query.

This is the listed door of the gateway to the database: Django's cursors refuse to run in the event
loop. SQLite is read where we stand, which takes some fifty microseconds; PostgreSQL is awaited.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.db import connections
from django.db.models import Field, ForeignKey, Model

from integrations.gateway.route import Beside, TokenFacts, token_facts
from integrations.models import Connection, CustomProvider, GatewayToken, TrustedIssuer
from integrations.outbound import ALLOWED_HOSTS_SETTING, private_hosts
from secrets_vault.models import InstallationSetting, KeyTerm, SecretField, SecretVersion, StoredSecret

if TYPE_CHECKING:
    import psycopg

DATABASE = "default"
BUSY_S = 0.25
WITHIN_S = 3.0
ANSWERED_S = 2 * WITHIN_S

Rows = list[tuple[Any, ...]]

# What each table gives, by its alias in the query: all that a route is made from, and nothing that changes by use.
TABLES: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    # In the model's own order, as from_db() wants them; its primary key comes first.
    alias: (model, tuple(field.attname for field in model._meta.concrete_fields if field.attname in names.split()))
    for alias, model, names in (
        ("t", GatewayToken, "id client_id name token_hash previous_hash previous_expires_at methods paths"
         " per_minute per_day min_gap_s expires_at ip_ranges max_uses revoked_at"),
        ("c", Connection, "id slug client_id environment_id provider_key kind secret_id beside_secret_id"
         " variables status access_expires_at"),
        ("s", StoredSecret, "id client_id environment_id kind label current_id policy policy_mac deleted_at"),
        ("v", SecretVersion, "id secret_id number created_at first_used_at"),
        ("f", SecretField, "id version_id name blob"),
        ("k", KeyTerm, "id client_id state wrapped_key"),
        ("p", CustomProvider, "id facts"),
        ("i", InstallationSetting, "key value"),
    )
}  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class Found:
    """What the rows say. Without a connection the token does not open this slug."""

    token: TokenFacts
    connection: Connection | None = None
    beside: Beside | None = None

    @property
    def is_first_use(self) -> bool:
        """Tell whether the book must be written before the secret may be used."""
        held = (self.connection.secret, self.connection.beside_secret) if self.connection else ()
        return any(each and each.current and each.current.first_used_at is None for each in held)


def found_in(rows: Rows, token_hash: bytes, *, now: datetime, seen: int) -> Found | None:
    """Return what the rows say, None where the token opens nothing now. `seen` is the generation before the read."""
    if not rows:
        return None
    read = [_instances(row) for row in rows]
    token = _living(read[0]["t"], token_hash, now=now)
    connection = read[0]["c"]
    if token is None or connection is None:
        return Found(token) if token else None
    connection.secret, fields = _held(read, connection.secret_id)
    connection.beside_secret, fields_beside = _held(read, connection.beside_secret_id)
    setting, provider = read[0]["i"], read[0]["p"]
    beside = Beside(
        facts=provider.facts if provider else None,
        hosts=private_hosts(setting.value if setting else ()),
        fields=fields,
        fields_beside=fields_beside,
        terms=[each["k"] for each in read if each["k"] is not None],
        seen=seen,
    )
    return Found(token, connection, beside)


def _held(read: Sequence[Mapping[str, Any]], pk: UUID | None) -> tuple[StoredSecret | None, list[SecretField]]:
    """Return a secret with its current version, and the sealed fields of that."""
    own = [each for each in read if each["s"] is not None and each["s"].pk == pk]
    if not own:
        return None, []
    stored: StoredSecret = own[0]["s"]
    stored.current = own[0]["v"]
    return stored, [each["f"] for each in own if each["f"] is not None]


def _living(row: GatewayToken, token_hash: bytes, *, now: datetime) -> TokenFacts | None:
    """Return what the token allows, None when it is revoked, has expired or was rolled away."""
    facts = token_facts(row, is_previous=row.token_hash != token_hash)
    if row.revoked_at is not None or (facts.expires_at is not None and facts.expires_at <= now):
        return None
    return facts


def _instances(row: Sequence[Any]) -> dict[str, Any]:
    """Return the model of each table by its alias, None where the join found none."""
    made: dict[str, Any] = {}
    at = 0
    for alias, (model, names) in TABLES.items():
        end = at + len(names)
        if row[at] is None:
            made[alias] = None
        else:
            values = [read(value) for read, value in zip(_readers(model, names), row[at:end], strict=True)]
            made[alias] = model.from_db(DATABASE, names, values)
        at = end
    return made


@cache
def _readers(model: type[Model], names: tuple[str, ...]) -> list[Callable[[Any], Any]]:
    """Return, for each column, what makes the driver's value the model's."""
    columns = {field.attname: field for field in model._meta.concrete_fields}
    return [READERS.get(_kind(columns[name]), _as_it_is) for name in names]


def _kind(field: Field[Any, Any]) -> str:
    return _kind(field.target_field) if isinstance(field, ForeignKey) else field.get_internal_type()


def _as_it_is(value: Any) -> Any:
    return value


def _uuid(value: Any) -> Any:
    return UUID(hex=value) if isinstance(value, str) else value


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _time(value: Any) -> Any:
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


# SQLite keeps these as text; psycopg gives the right type at once.
READERS: dict[str, Callable[[Any], Any]] = {"UUIDField": _uuid, "JSONField": _json, "DateTimeField": _time}
