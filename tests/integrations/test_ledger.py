"""States that processes share: one of two who write at once is told that it came too late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache

import pytest
from django.db import DatabaseError, connections

from integrations import ledger
from integrations.models import SharedState
from tests.engines import start_valkey

pytestmark = pytest.mark.django_db(transaction=True)

NOW = 1_790_000_000.0


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now_s = NOW

    def __call__(self) -> float:
        return self.now_s


@cache
def valkey_url() -> str:
    return start_valkey()


@pytest.fixture(params=["database", "valkey"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ledger.Store]:
    """Return a store of each kind, which is also the one that the module uses."""
    if request.param == "database":
        made: ledger.Store = ledger.DatabaseStore()
        yield _used(made, monkeypatch)
        return
    valkey = ledger.ValkeyStore(valkey_url())
    yield _used(valkey, monkeypatch)
    valkey._client.flushdb()
    valkey._client.close()


def _used(store: ledger.Store, monkeypatch: pytest.MonkeyPatch) -> ledger.Store:
    monkeypatch.setattr(ledger, "_store", lambda: store)
    return store


def test_what_was_never_written_is_absent(store):
    assert store.read("a") == (ledger.ABSENT, b"")


def test_what_was_written_is_read(store):
    assert store.swap("a", ledger.ABSENT, b"\x00one\xff", lives_s=60)
    version, state = store.read("a")
    assert state == b"\x00one\xff"
    assert version != ledger.ABSENT
    assert store.read("b") == (ledger.ABSENT, b"")


def test_the_second_of_two_who_read_the_same_writes_nothing(store):
    store.swap("a", ledger.ABSENT, b"one", lives_s=60)
    version, _ = store.read("a")
    assert store.swap("a", version, b"two", lives_s=60)
    assert not store.swap("a", version, b"three", lives_s=60)
    assert not store.swap("a", ledger.ABSENT, b"four", lives_s=60)
    assert store.read("a")[1] == b"two"


def test_a_state_that_was_forgotten_and_written_anew_is_another(store):
    store.swap("a", ledger.ABSENT, b"one", lives_s=60)
    first, _ = store.read("a")
    SharedState.objects.all().delete()
    if isinstance(store, ledger.ValkeyStore):
        store._client.flushdb()
    store.swap("a", ledger.ABSENT, b"two", lives_s=60)
    assert not store.swap("a", first, b"three", lives_s=60)


def test_many_who_count_at_once_lose_nothing(store):
    if isinstance(store, ledger.DatabaseStore) and connections["default"].vendor == "sqlite":
        pytest.skip("two cannot write at once to a database in memory; processes with files do in test_processes.py")

    def count() -> None:
        for _ in range(10):
            ledger.change("a", lambda state: (b"%d" % (int(state or b"0") + 1), None), lives_s=60)
        connections.close_all()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read("a")[1] == b"40"


def test_nothing_is_written_where_nothing_was_decided(store):
    assert ledger.change("a", lambda state: (None, state), lives_s=60) == b""
    assert store.read("a") == (ledger.ABSENT, b"")


def test_a_state_ends_and_can_be_written_again():
    clock = Clock()
    store = ledger.DatabaseStore(now=clock)
    store.swap("a", ledger.ABSENT, b"one", lives_s=10)
    clock.now_s += 10
    version, state = store.read("a")
    assert state == b""
    assert store.swap("a", version, b"two", lives_s=10)
    assert store.read("a")[1] == b"two"


def test_the_sweep_deletes_what_ended_a_while_ago():
    store = ledger.DatabaseStore(now=lambda: NOW)
    store.swap("short", ledger.ABSENT, b"one", lives_s=10)
    store.swap("long", ledger.ABSENT, b"two", lives_s=1000)
    assert ledger.forget_ended(now_s=NOW + 11 + ledger.SWEPT_AFTER_S) == 1
    assert store.read("long")[1] == b"two"


def test_a_cache_that_is_away_says_so_within_its_time():
    store = ledger.ValkeyStore("redis://127.0.0.1:9/0")
    with pytest.raises(ledger.LedgerUnavailable):
        store.read("a")
    with pytest.raises(ledger.LedgerUnavailable):
        store.swap("a", ledger.ABSENT, b"one", lives_s=1)


def test_a_database_that_cannot_be_asked_says_so(monkeypatch):
    def broken(*args: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(connections[ledger.calls_alias()], "cursor", broken)
    with pytest.raises(ledger.LedgerUnavailable):
        ledger.DatabaseStore().read("a")


def test_states_are_kept_where_the_cache_is(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert isinstance(ledger._store(), ledger.DatabaseStore)
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": valkey_url()}}
    assert isinstance(ledger._store(), ledger.ValkeyStore)
