"""The last good answer in the place of a failure: for whom, for how long, and where it cannot be read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db import connections as databases

from integrations import tokens
from integrations.gateway.stale import keeping, rules
from integrations.models import Connection, GatewayToken, StoredAnswer
from integrations.models.router import calls_alias
from secrets_vault import generation, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import KeyTerm
from secrets_vault.secret import Secret
from tests.fake_upstream import OK
from tests.integrations.gateway.conftest import World, make_connection

pytestmark = pytest.mark.django_db(transaction=True)

DOWN = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\nRetry-After: 99\r\n\r\n"
CANARY = b"CANARY-body-of-a-stored-answer-73501"
GOOD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: sid=CANARY-cookie\r\nETag: W/1\r\n"
    b"Age: 5\r\nContent-Length: %d\r\n\r\n%b" % (len(CANARY), CANARY)
)
WANTS = (b"x-keylodge-cache", b"on-failure")


def bearer(text):
    return (b"authorization", b"Bearer " + text.encode())


async def asks(world, gateway, path="/things", *, text="", extra=(WANTS,), **options):
    """Make a call that asks for the last good answer."""
    return await world.ask(gateway, path, headers=[bearer(text or world.text), *extra], **options)


async def asks_and_waits(world, gateway, *args, **options):
    """Make one, and wait until what it brought is written."""
    answer = await asks(world, gateway, *args, **options)
    await gateway.forwarder.copies.close()
    return answer


def then_down(world, *, first=GOOD, change=lambda: None, again=asks):
    """Let one call succeed, something change, and the next one fail; return both answers."""

    async def story(gateway):
        world.upstream.answers = [first]
        good = await asks_and_waits(world, gateway)
        await gateway.lookup.in_thread(change)
        world.upstream.answers = [DOWN]
        return good, await again(world, gateway)

    return world.run(story)


def test_while_the_provider_is_down_the_last_good_answer_comes_and_says_so(world):
    good, stale = then_down(world)
    assert (good.status, good.header("x-keylodge-cache")) == (200, "stored")
    assert (stale.status, stale.body) == (200, CANARY)
    assert stale.header("x-keylodge-cache") == "stale"
    assert stale.header("warning") == '110 - "Response is Stale"'
    assert 5 <= int(stale.header("age")) < 60
    assert stale.header("etag") == "W/1"
    assert stale.header("set-cookie") is None
    assert stale.header("content-length") == str(len(CANARY))
    assert stale.header("content-security-policy") == "sandbox; default-src 'none'"
    assert world.calls()[-1].status == 503
    assert world.calls()[-1].timeline[-1]["stale_age_s"] >= 5


def test_who_does_not_ask_hears_of_the_failure_and_nothing_is_kept(world):
    async def story(gateway):
        world.upstream.answers = [GOOD]
        first = await asks_and_waits(world, gateway, extra=())
        kept = await gateway.lookup.in_thread(StoredAnswer.objects.count)
        await asks_and_waits(world, gateway)
        world.upstream.answers = [DOWN]
        return first, kept, await asks(world, gateway, extra=())

    first, kept, answer = world.run(story)
    assert (first.header("x-keylodge-cache"), kept) == (None, 0)
    assert answer.status == 503


@pytest.mark.parametrize(
    ("switch", "header", "is_stale"),
    [(True, (), True), (True, ((b"x-keylodge-cache", b"never"),), False), (False, (), False), (False, (WANTS,), True)],
)
def test_a_token_asks_for_all_its_reads_and_a_call_goes_before_it(world, switch, header, is_stale):
    tokens.change(world.token, actor=SYSTEM, serve_stale=switch)

    async def story(gateway):
        world.upstream.answers = [GOOD]
        good = await asks_and_waits(world, gateway, extra=header)
        world.upstream.answers = [DOWN]
        return good, await asks(world, gateway, extra=header)

    good, answer = world.run(story)
    assert good.header("x-keylodge-cache") == ("stored" if is_stale else None)
    assert (answer.status, answer.body) == ((200, CANARY) if is_stale else (503, b""))


def test_the_switch_holds_from_the_next_call_and_for_reads_alone(world):
    async def story(gateway):
        world.upstream.answers = [GOOD]
        await asks_and_waits(world, gateway, extra=())
        await gateway.lookup.in_thread(lambda: tokens.change(world.token, actor=SYSTEM, serve_stale=True))
        world.upstream.answers = [GOOD, GOOD, DOWN]
        first = await asks_and_waits(world, gateway, extra=())
        posted = await asks_and_waits(world, gateway, extra=(), method="POST")
        return (
            first,
            posted,
            await asks(world, gateway, extra=(), method="POST"),
            await gateway.lookup.in_thread(StoredAnswer.objects.count),
        )

    first, posted, failed, kept = world.run(story)
    assert (first.header("x-keylodge-cache"), posted.header("x-keylodge-cache")) == ("stored", None)
    assert (failed.status, kept) == (503, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_what_is_no_outage_is_not_covered_up(world, status):
    async def story(gateway):
        world.upstream.answers = [GOOD]
        await asks_and_waits(world, gateway)
        world.upstream.answers = [b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status]
        return await asks(world, gateway)

    assert world.run(story).status == status


def test_no_connection_is_an_outage(world):
    async def story(gateway):
        world.upstream.answers = [GOOD]
        await asks_and_waits(world, gateway)
        world.upstream.close()
        return await asks(world, gateway)

    answer = world.run(story)
    assert (answer.status, answer.body, answer.header("x-keylodge-cache")) == (200, CANARY, "stale")


def test_an_answer_that_may_not_be_kept_is_not_and_says_why(world):
    first = GOOD.replace(b"ETag: W/1", b"Cache-Control: no-store")
    good, failed = then_down(world, first=first)
    assert good.header("x-keylodge-cache") == "not-stored; why=no-store"
    assert (failed.status, failed.header("x-keylodge-cache")) == (503, "nothing-stored")


def another_token(world):
    _, text = tokens.make(world.client, "other", [world.connection], actor=SYSTEM)
    return text.expose()


def test_another_token_gets_nothing_of_it(world):
    text = another_token(world)
    _, answer = then_down(world, again=lambda w, gateway: asks(w, gateway, text=text))
    assert answer.status == 503


@pytest.mark.parametrize(
    "other",
    [{"path": "/things2"}, {"query": b"a=1"}, {"extra": (WANTS, (b"stripe-account", b"acct_2"))}, {"method": "HEAD"}],
    ids=str,
)
def test_another_request_gets_nothing_of_it(world, other):
    _, answer = then_down(world, again=lambda w, gateway: asks(w, gateway, **other))
    assert answer.status == 503


def replace_the_key():
    vault.replace(Connection.objects.get().secret, {"api_key": Secret("sk_live_another_key_00000")}, actor=SYSTEM)


CHANGES = {
    "another key": replace_the_key,
    "another account": lambda: Connection.objects.update(account_id="4711"),
    "connected anew": lambda: Connection.objects.update(connected_at=datetime.now(UTC)),
    "a day later": lambda: StoredAnswer.objects.update(expires_at=datetime.now(UTC)),
    "the client's key is destroyed": lambda: KeyTerm.objects.update(wrapped_key=bytes(60)),
    "the row is another's": lambda: StoredAnswer.objects.update(client_id=Connection.objects.get().pk),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_served_after(world, change):
    def changed():
        CHANGES[change]()
        generation.bump()

    _, answer = then_down(world, change=changed)
    assert answer.header("x-keylodge-cache") != "stale"
    assert answer.status == 503


def test_a_refreshed_access_token_opens_the_same_account(world):
    urls = {"authorize_url": f"{world.upstream.url}/a", "token_url": f"{world.upstream.url}/t"}
    slot = {"oauth2": {"in": "header", "name": "Authorization", "template": "Bearer {token}"}}
    connection = make_connection(world.client, world.upstream, "acme-oauth", kind="oauth2", oauth=urls, injections=slot)
    Connection.objects.filter(pk=connection.pk).update(access_expires_at=datetime.now(UTC) + timedelta(hours=1))
    token, text = tokens.make(world.client, "oauth", [connection], actor=SYSTEM)
    oauth = World(world.client, connection, world.upstream, token, text.expose())

    def refresh():
        fresh = Connection.objects.get(pk=connection.pk)
        vault.replace(fresh.secret, {"access_token": Secret("a-fresh-access-token-0001")}, actor=SYSTEM)
        generation.bump()

    good, answer = then_down(oauth, change=refresh)
    assert good.status == 200, good.body
    assert (answer.status, answer.header("x-keylodge-cache")) == (200, "stale")
    assert b"a-fresh-access-token-0001" in world.upstream.requests[-1]


def test_a_revoked_token_hears_nothing_and_its_answers_are_forgotten(world):
    def revoke():
        tokens.revoke(GatewayToken.objects.get(), actor=SYSTEM, now=datetime.now(UTC))

    _, answer = then_down(world, change=revoke)
    assert answer.status == 401
    assert StoredAnswer.objects.count() == 1
    assert keeping.forget(datetime.now(UTC)) == 1
    assert not StoredAnswer.objects.exists()


@pytest.mark.parametrize("status", ["not_connected", "needs_reconnecting"])
def test_what_belongs_to_an_ended_connection_is_forgotten(world, status):
    then_down(world)
    assert keeping.forget(datetime.now(UTC)) == 0
    Connection.objects.update(status=status)
    assert keeping.forget(datetime.now(UTC)) == 1


def test_a_connection_keeps_so_much_the_least_used_going_first(world, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_ANSWERS", 2)

    async def story(gateway):
        world.upstream.answers = [GOOD]
        for path in ("/a", "/b"):
            await asks_and_waits(world, gateway, path)
        world.upstream.answers = [DOWN]
        await asks(world, gateway, "/a")  # used just now
        world.upstream.answers = [GOOD]
        await asks_and_waits(world, gateway, "/c")
        world.upstream.answers = [DOWN]
        return [(await asks(world, gateway, path)).status for path in ("/a", "/b", "/c")]

    assert world.run(story) == [200, 503, 200]


def test_a_body_that_turns_out_too_large_is_not_kept(world, monkeypatch):
    monkeypatch.setattr(rules, "MOST_BODY_BYTES", 10)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n"
    assert then_down(world, first=chunked)[1].status == 503


def test_an_answer_that_breaks_off_is_not_kept(world):
    def broken(sock, request):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        sock.shutdown(2)

    async def story(gateway):
        world.upstream.answers = [broken]
        with pytest.raises(Exception):  # noqa: B017 - the caller's connection is cut
            await asks(world, gateway)
        await gateway.forwarder.copies.close()
        return await gateway.lookup.in_thread(StoredAnswer.objects.count)

    assert world.run(story) == 0


def test_the_newest_answer_is_the_one_that_is_kept(world):
    async def story(gateway):
        for number in (b"1", b"2"):
            world.upstream.answers = [OK.replace(b"ok", number * 2)]
            await asks_and_waits(world, gateway)
        world.upstream.answers = [DOWN]
        return await asks(world, gateway), await gateway.lookup.in_thread(StoredAnswer.objects.count)

    answer, kept = world.run(story)
    assert (answer.body, kept) == (b"22", 1)


def test_a_database_that_cannot_be_written_costs_only_the_copy(world):
    async def story(gateway):
        async def broken(*args, **kwargs):
            raise OperationalError

        gateway.forwarder.copies._in_thread = broken
        world.upstream.answers = [GOOD]
        return await asks_and_waits(world, gateway)

    assert world.run(story).status == 200


def test_nothing_of_an_answer_is_readable_at_rest(world, settings):
    async def story(gateway):
        world.upstream.answers = [GOOD]
        await asks_and_waits(world, gateway, "/things/CANARY-path-73501")

    world.run(story)
    with databases[calls_alias()].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {StoredAnswer._meta.db_table}")
        row = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in cursor.fetchone())
    assert b"CANARY" not in bytes(row)
    held = [path for path in Path(settings.KEYLODGE_HOME).rglob("*") if path.is_file()]
    assert not [path for path in held if CANARY in path.read_bytes()]


def test_calls_at_once_are_written_together(world):
    async def story(gateway):
        world.upstream.answers = [GOOD]
        await asyncio.gather(*(asks(world, gateway, f"/n{number}") for number in range(20)))
        await gateway.forwarder.copies.close()
        return await gateway.lookup.in_thread(StoredAnswer.objects.count)

    assert world.run(story) == 20
