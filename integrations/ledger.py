"""Small states shared by all processes, changed by compare-and-swap: limits, breakers, whatever must be agreed on.

Kept in Valkey or Redis where CACHE_URL names one, else in a table beside the call log, so that three processes on
SQLite agree as well as thirty on PostgreSQL. A state is some hundred bytes and never holds a secret. Nothing that
must survive belongs here: a state ends when its time is over, and a cache may be emptied at any moment.

Everything here may wait for a disk or the network. The gateway calls it through `Lookup.in_thread`, which keeps the
event loop free; a worker calls it as it is. Never inside a transaction: the row would stay locked until its end.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.db import DatabaseError, connections

from integrations.errors import IntegrationError
from integrations.models import SharedState
from integrations.models.router import calls_alias

if TYPE_CHECKING:
    import redis
    from redis.commands.core import Script

ABSENT = 0
TRIES = 200
SWEPT_AFTER_S = 60.0
WITHIN_S = 1.0
PREFIX = "keylodge:state:"


class LedgerUnavailable(IntegrationError):
    """The shared states cannot be read or written just now. What to do without them is the caller's to say."""

    code = "ledger_unavailable"


class Store(Protocol):
    """Where states are kept."""

    def read(self, key: str) -> tuple[int, bytes]:
        """Return version and state; raises LedgerUnavailable."""

    def swap(self, key: str, version: int, new: bytes, *, lives_s: float) -> bool:
        """Replace the state of that version; tell whether it was still that one; raises LedgerUnavailable."""


def read(key: str) -> tuple[int, bytes]:
    """Return a state and its version, (ABSENT, b"") where there is none; raises LedgerUnavailable."""
    return _store().read(key)


def swap(key: str, version: int, new: bytes, *, lives_s: float) -> bool:
    """Write a state unless somebody wrote since that version was read; tell whether it was written.

    It ends after `lives_s` without another write. Raises LedgerUnavailable.
    """
    return _store().swap(key, version, new, lives_s=lives_s)


def change[R](key: str, decide: Callable[[bytes], tuple[bytes | None, R]], *, lives_s: float) -> R:
    """Read a state, decide, write what was decided; again where somebody wrote in between. Return what was decided.

    `decide` gets the state (b"" for none) and returns the new one, None to leave it as it is, and the result. It is
    called once a try, so it must have no effect of its own. Raises LedgerUnavailable.
    """
    for tried in range(TRIES):
        version, state = read(key)
        new, result = decide(state)
        if new is None or swap(key, version, new, lives_s=lives_s):
            return result
        time.sleep(secrets.randbelow(1 + min(tried, 10)) / 1000)  # else many who collide would collide again
    raise LedgerUnavailable("too many processes change one state at once")


def forget_ended(*, now_s: float) -> int:
    """Delete the rows that ended a while ago; return how many. Valkey forgets by itself."""
    return SharedState.objects.filter(ends_at_ms__lt=(now_s - SWEPT_AFTER_S) * 1000).delete()[0]


class DatabaseStore:
    """States as rows, changed by conditional updates: one statement each, committed at once."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._table = SharedState._meta.db_table

    def read(self, key: str) -> tuple[int, bytes]:
        """Return version and state. What has ended reads as empty under its version, so that it can be replaced."""
        found = self._asked(f"SELECT version, state, ends_at_ms FROM {self._table} WHERE key = %s", [key])  # noqa: S608
        if found is None:
            return ABSENT, b""
        version, state, ends_at_ms = found
        return version, bytes(state) if ends_at_ms > self._now() * 1000 else b""

    def swap(self, key: str, version: int, new: bytes, *, lives_s: float) -> bool:
        """Replace the state of that version."""
        values = [_fresh(), new, int((self._now() + lives_s) * 1000), key]
        if version == ABSENT:
            sql = (
                f"INSERT INTO {self._table} (version, state, ends_at_ms, key) VALUES (%s, %s, %s, %s) "  # noqa: S608
                "ON CONFLICT (key) DO NOTHING"
            )
            return self._done(sql, values)
        sql = f"UPDATE {self._table} SET version = %s, state = %s, ends_at_ms = %s WHERE key = %s AND version = %s"  # noqa: S608
        return self._done(sql, [*values, version])

    def _asked(self, sql: str, values: list[Any]) -> Any:
        try:
            with connections[calls_alias()].cursor() as cursor:
                return cursor.execute(sql, values).fetchone()
        except DatabaseError as error:
            raise LedgerUnavailable("the database cannot be read") from error

    def _done(self, sql: str, values: list[Any]) -> bool:
        try:
            with connections[calls_alias()].cursor() as cursor:
                cursor.execute(sql, values)
                return bool(cursor.rowcount)
        except DatabaseError as error:
            raise LedgerUnavailable("the database cannot be written") from error


SWAP = """
local found = redis.call('HGET', KEYS[1], 'version') or '0'
if found ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'state', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""


class ValkeyStore:
    """States as hashes that end by themselves, changed by a script, which nothing can come between."""

    def __init__(self, url: str) -> None:
        import redis

        self._failures = redis.RedisError
        self._client: redis.Redis = redis.Redis.from_url(
            url, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, health_check_interval=30
        )
        self._swap: Script = self._client.register_script(SWAP)

    def read(self, key: str) -> tuple[int, bytes]:
        """Return version and state."""
        try:
            found: Any = self._client.hmget(PREFIX + key, ["version", "state"])
        except self._failures as error:
            raise LedgerUnavailable("the cache cannot be read") from error
        version, state = found
        return int(version or ABSENT), bytes(state or b"")

    def swap(self, key: str, version: int, new: bytes, *, lives_s: float) -> bool:
        """Replace the state of that version."""
        arguments: list[str | int | bytes] = [str(version), str(_fresh()), new, max(1, int(lives_s * 1000))]
        try:
            return bool(self._swap(keys=[PREFIX + key], args=arguments))
        except self._failures as error:
            raise LedgerUnavailable("the cache cannot be written") from error


def _fresh() -> int:
    """Return a version that no earlier state under the same key has had, also none that has been forgotten since."""
    return 1 + secrets.randbits(62)


def _store() -> Store:
    default: dict[str, Any] = settings.CACHES["default"]
    if not str(default["BACKEND"]).endswith(".RedisCache"):
        return _database()
    place = default["LOCATION"]
    return _valkey(place if isinstance(place, str) else place[0])


@cache
def _database() -> Store:
    return DatabaseStore()


@cache
def _valkey(url: str) -> Store:
    return ValkeyStore(url)
