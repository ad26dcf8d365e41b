"""What the gateway keeps in memory, for how long, and what makes it look again."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database
from django.db import connections

from integrations import tokens
from integrations.gateway import lookup as looking_up
from integrations.gateway.app import Gateway
from integrations.gateway.lookup import Lookup
from integrations.gateway.problems import Problem
from integrations.gateway.reading import PostgresReader, SQLiteReader, Unavailable
from integrations.models import Connection, CustomProvider, GatewayToken
from secrets_vault import generation, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import InstallationSetting, KeyTerm, SecretField, StoredSecret
from tests.engines import only_on_postgres, only_on_sqlite

pytestmark = pytest.mark.django_db(transaction=True)

ON_SQLITE = only_on_sqlite("a database file")
ON_POSTGRES = only_on_postgres("a database server")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def looked_up(story, **options):
    """Run a story against a look-up of its own."""

    async def whole():
        lookup = Lookup(**options)
        await lookup.start()
        try:
            return await story(lookup)
        finally:
            await lookup.close()

    return asyncio.run(whole())


def test_a_change_elsewhere_opens_no_credential_again(world):
    async def story(lookup):
        await lookup.route(world.text, "acme-fake")  # the first use is written in the book, which changes the row
        generation.count_up()
        first = await lookup.route(world.text, "acme-fake")
        generation.count_up()
        return first is await lookup.route(world.text, "acme-fake")

    assert looked_up(story)


def spoil_the_policy():
    """Let the secret go to any host, without the MAC that says so."""
    stored = StoredSecret.objects.get()
    StoredSecret.objects.update(policy=stored.policy | {"hosts": [*stored.policy["hosts"], "evil.example"]})


def spoil_the_blob():
    """Change the last byte of the sealed value."""
    field = SecretField.objects.get()
    field.blob = bytes(field.blob)[:-1] + bytes([bytes(field.blob)[-1] ^ 1])
    field.save()


def close_the_host():
    """Take back the row that opened the private host."""
    InstallationSetting.objects.update(value=[])


def keep_failed_calls_of_a_paused_connection():
    """Switch on that failed calls are kept, and let the next one fail."""
    GatewayToken.objects.update(keep_failed=True)
    Connection.objects.update(status="paused")


CHANGES = {
    "its failed calls are kept": (keep_failed_calls_of_a_paused_connection, None),
    "the token is revoked": (lambda: GatewayToken.objects.update(revoked_at=datetime.now(UTC)), "token_invalid"),
    "it is paused": (lambda: GatewayToken.objects.update(paused_at=datetime.now(UTC)), "token_paused"),
    "it has expired": (lambda: GatewayToken.objects.update(expires_at=datetime.now(UTC)), "token_invalid"),
    "it was rolled away": (lambda: GatewayToken.objects.update(token_hash=bytes(32)), "token_invalid"),
    "it may do less": (lambda: GatewayToken.objects.update(methods=["POST"]), "not_allowed"),
    "it may be used elsewhere": (lambda: GatewayToken.objects.update(ip_ranges=["203.0.113.0/24"]), "ip_not_allowed"),
    "it lost the connection": (lambda: GatewayToken.objects.get().connections.clear(), "connection_not_found"),
    "the connection is paused": (lambda: Connection.objects.update(status="paused"), "paused"),
    "its budget is used up": (
        lambda: Connection.objects.update(spend_stopped_until=datetime.now(UTC) + timedelta(days=1)),
        "budget_reached",
    ),
    "it has no secret": (lambda: Connection.objects.update(secret=None), "needs_reconnecting"),
    "the secret is deleted": (lambda: StoredSecret.objects.update(deleted_at=datetime.now(UTC)), "needs_reconnecting"),
    "its policy was edited": (spoil_the_policy, "host_refused"),
    "its policy is gone": (lambda: StoredSecret.objects.update(policy=None), "host_refused"),
    "its MAC was edited": (lambda: StoredSecret.objects.update(policy_mac=bytes(32)), "host_refused"),
    "its value was edited": (spoil_the_blob, "credential_unreadable"),
    "its key was destroyed": (
        lambda: KeyTerm.objects.update(state="destroyed", wrapped_key=None),
        "credential_unreadable",
    ),
    "the provider is gone": (lambda: CustomProvider.objects.all().delete(), "provider_gone"),
    "the private host is closed": (close_the_host, "host_refused"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_route_was_made_from_holds_from_the_next_call(world, settings, change):
    InstallationSetting.objects.create(pk="outbound.allowed_hosts", value=settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS)
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = []
    make_it, expected = CHANGES[change]

    def changed():
        make_it()
        generation.count_up()
        connections.close_all()

    async def story(gateway):
        before = []
        for _ in range(2):  # the first use changes the row itself, so the second call makes the route that is meant
            before.append((await world.ask(gateway)).status)
            generation.count_up()
        await asyncio.to_thread(changed)
        return before, json.loads((await world.ask(gateway)).body).get("code")

    assert world.run(story) == ([200, 200], expected)
    assert len(world.upstream.requests) == 2


def test_a_token_that_rolls_is_good_in_both_forms_until_the_old_one_ends(world):
    new = tokens.roll(world.token, actor=SYSTEM, now=datetime.now(UTC)).expose()

    async def story(lookup):
        both = [await lookup.route(text, "acme-fake") for text in (world.text, new)]
        return [route.token.id for route in both], [route.token.expires_at for route in both]

    (old_id, new_id), (old_ends, new_ends) = looked_up(story)
    assert old_id == new_id == world.token.pk
    assert old_ends is not None
    assert new_ends is None
    GatewayToken.objects.update(previous_expires_at=datetime.now(UTC))
    with pytest.raises(Problem, match="token_invalid"):
        looked_up(lambda lookup: lookup.route(world.text, "acme-fake"))


def test_a_credential_stays_in_memory_for_five_seconds_and_no_longer(world):
    clock = Clock()

    async def story(lookup):
        first = await lookup.route(world.text, "acme-fake")
        clock.now += 4.9
        assert await lookup.route(world.text, "acme-fake") is first
        clock.now += 0.2
        again = await lookup.route(world.text, "acme-fake")
        assert again is not first
        generation.count_up()
        clock.now += 4.0
        assert await lookup.route(world.text, "acme-fake") is again  # looked at again, which makes it no younger
        clock.now += 1.1
        lookup._sweep()
        return len(lookup._kept)

    assert looked_up(story, clock=clock) == 0


def test_no_more_than_so_many_are_kept_and_the_least_used_goes_first(world, monkeypatch):
    monkeypatch.setattr(looking_up, "MOST_KEPT", 3)

    async def story(lookup):
        await lookup.route(world.text, "acme-fake")  # the first use is written in the book, which changes the row
        used = await lookup.route(world.text, "acme-fake")
        for number in range(20):
            with pytest.raises(Problem, match="token_invalid"):
                await lookup.route(tokens.new_text(), "acme-fake")
            assert await lookup.route(world.text, "acme-fake") is used, number
        return len(lookup._kept)

    assert looked_up(story, clock=lambda: 0.0) == 3


def test_many_calls_at_once_read_once(world):
    class Counted:
        asked = 0

        def __init__(self, real):
            self.real, self.close = real, real.close

        async def rows(self, *key):
            self.asked += 1
            await asyncio.sleep(0)
            return await self.real.rows(*key)

    async def story(lookup):
        lookup._reader = counted = Counted(lookup._reader)
        routes = await asyncio.gather(*(lookup.route(world.text, "acme-fake") for _ in range(50)))
        return counted.asked, len({id(route) for route in routes})

    assert looked_up(story) == (1, 1)


# A database that is gone


def test_without_a_database_the_gateway_says_so_and_sends_nothing(world, tmp_path):
    async def story():
        gateway = Gateway(lookup=Lookup(rows=SQLiteReader(str(tmp_path / "gone.sqlite3"))))
        await gateway.start()
        try:
            return await world.ask(gateway)
        finally:
            await gateway.drain()

    answer = asyncio.run(story())
    assert (answer.status, json.loads(answer.body)["code"]) == (503, "unavailable")
    assert answer.header("retry-after")
    assert world.upstream.requests == []


@pytest.fixture
def file(tmp_path):
    """Return a database file that holds what the test's database in memory holds."""
    path = tmp_path / "a b%20c?.sqlite3"
    database.ensure_connection()
    with sqlite3.connect(path) as copy:
        database.connection.backup(copy)
    copy.close()
    return path


@ON_SQLITE
def test_a_file_that_went_away_and_came_back_is_opened_anew(world, file):
    hashed = vault.keyed_hash("gateway-token", world.text.encode())

    async def story():
        reader = SQLiteReader(str(file))
        assert len(await reader.rows(hashed, "acme-fake")) == 1
        file.rename(file.with_name("elsewhere"))
        with pytest.raises(Unavailable):
            await reader.rows(hashed, "acme-fake")
        file.with_name("elsewhere").rename(file)
        assert len(await reader.rows(hashed, "acme-fake")) == 1
        other = file.with_name("other")
        with sqlite3.connect(other) as made, sqlite3.connect(file) as old:
            old.backup(made)
            made.execute("DELETE FROM integrations_gatewaytoken_connections")
            made.execute("DELETE FROM integrations_gatewaytoken")
            made.commit()
        other.rename(file)
        assert await reader.rows(hashed, "acme-fake") == []
        await reader.close()

    asyncio.run(story())


@ON_SQLITE
def test_the_file_is_opened_for_reading_only(file):
    reader = SQLiteReader(str(file))
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection().execute("DELETE FROM integrations_gatewaytoken")
    asyncio.run(reader.close())


@ON_POSTGRES
def test_a_connection_that_the_server_ended_is_made_anew(world):
    hashed = vault.keyed_hash("gateway-token", world.text.encode())

    async def story():
        reader = PostgresReader(database.get_connection_params())
        first = await reader.rows(hashed, "acme-fake")
        await asyncio.to_thread(end, reader._open.info.backend_pid)
        again = await reader.rows(hashed, "acme-fake")
        await reader.close()
        return len(first), first == again

    def end(pid):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        connections.close_all()

    assert asyncio.run(story()) == (1, True)


@ON_POSTGRES
def test_a_server_that_is_gone_is_unavailable(world):
    async def story():
        reader = PostgresReader(database.get_connection_params() | {"host": "127.0.0.1", "port": "1"})
        with pytest.raises(Unavailable):
            await reader.rows(bytes(32), "acme-fake")

    asyncio.run(story())


def test_a_silent_server_keeps_no_call_waiting_for_those_before_it(monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setattr("integrations.gateway.reading.WITHIN_S", 0.4)
    monkeypatch.setattr("integrations.gateway.reading.ANSWERED_S", 0.8)

    async def story(silent):
        host, port = silent.getsockname()
        reader = PostgresReader({"host": host, "port": str(port), "dbname": "x", "user": "x"})
        started = asyncio.get_running_loop().time()
        calls = (reader.rows(bytes([n]) * 32, "acme-fake") for n in range(20))
        ends = await asyncio.gather(*calls, return_exceptions=True)
        return ends, asyncio.get_running_loop().time() - started

    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        ends, took_s = asyncio.run(story(silent))
    assert {type(end) for end in ends} == {Unavailable}
    assert took_s < 4  # one after the other they would take eight
