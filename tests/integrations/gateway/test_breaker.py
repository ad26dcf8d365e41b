"""The circuit breaker: when it opens and for whom, the one trial, and how it closes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from integrations import outages, tokens
from integrations.gateway.app import Gateway
from integrations.gateway.breaker import IN_A_ROW, Breaker, Sign, sign_of_error, sign_of_status
from integrations.models import Outage
from integrations.outbound import (
    BadRequest,
    BodyTooLarge,
    HostRefused,
    InvalidAnswer,
    Origin,
    Unreachable,
    UpstreamTimeout,
)
from secrets_vault.actor import SYSTEM
from tests.factories import make_client
from tests.fake_upstream import OK
from tests.integrations.gateway.conftest import World, make_connection

pytestmark = pytest.mark.django_db(transaction=True)

DOWN = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


def timed(gateway: Gateway, clock: Clock) -> Gateway:
    """Give a gateway a breaker on the test's clock, with pauses that are as short as they can be."""
    lookup = gateway.lookup
    gateway.forwarder.breaker = Breaker(
        lookup.outages, lookup.in_thread, now=clock.now, clock=clock.seconds, chance=lambda: 0.0
    )
    return gateway


def status_answer(status: int, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 %d Said" % status, b"Content-Length: 0", *headers, b"", b""])


async def posts(world, gateway, count):
    """Make so many calls that nothing repeats, one after the other; return their codes."""
    return [code(await world.ask(gateway, method="POST", body=b"x")) for _ in range(count)]


def code(answer):
    return "breaker_open" if b'"breaker_open"' in answer.body else answer.status


@pytest.mark.parametrize(
    ("status", "is_limit", "sign"),
    [
        *[(status, False, Sign.WELL) for status in (200, 204, 301, 304, 400, 401, 403, 404, 408, 409, 429, 451)],
        *[(status, False, Sign.NOTHING) for status in (500, 501, 505, 507, 525, 529, 599)],
        *[(status, False, Sign.FAILING) for status in (502, 503, 504, 520, 521, 522, 523, 524)],
        *[(status, True, Sign.WELL) for status in (403, 429, 503)],
    ],
)
def test_only_what_says_that_the_servers_are_down_counts(status, is_limit, sign):
    assert sign_of_status(status, is_limit=is_limit) is sign


@pytest.mark.parametrize(
    ("error", "sign"),
    [
        (Unreachable("x"), Sign.UNREACHABLE),
        (Unreachable("x", was_sent=True), Sign.UNREACHABLE),
        (UpstreamTimeout("x", was_sent=True), Sign.TIMEOUT),
        (InvalidAnswer("x"), Sign.NOTHING),
        (HostRefused("x"), Sign.NOTHING),
        (BadRequest("x"), Sign.NOTHING),
        (BodyTooLarge("x"), Sign.NOTHING),
    ],
)
def test_only_a_missing_answer_counts_as_one(error, sign):
    assert sign_of_error(error) is sign


def test_ten_failed_calls_in_a_row_open_it_and_the_next_hears_when_to_come_back(world, upstream, clock):
    upstream.answers = [DOWN]

    async def story(gateway):
        timed(gateway, clock)
        heard = await posts(world, gateway, IN_A_ROW)
        return heard, await world.ask(gateway, method="POST", body=b"x")

    heard, refused = world.run(story)
    assert heard == [503] * IN_A_ROW
    assert (refused.status, refused.header("retry-after"), code(refused)) == (503, "2", "breaker_open")
    assert upstream.host.encode() in refused.body
    assert len(upstream.requests) == IN_A_ROW
    outage = Outage.objects.get()
    assert (outage.origin, outage.reason, outage.is_open) == (upstream.url, "failing", True)
    row = world.calls()[-1]
    assert (row.code, row.status, row.outcome, row.attempts) == ("breaker_open", 503, "refused", 0)
    assert "one after the other" in row.cause


def test_one_clients_own_trouble_never_opens_it(world, upstream, clock):
    own = (401, 403, 404, 409, 500)

    async def story(gateway):
        timed(gateway, clock)
        heard = []
        for status in own:
            upstream.answers = [status_answer(status)]
            heard += await posts(world, gateway, IN_A_ROW + 1)
        return heard

    assert world.run(story) == [status for status in own for _ in range(IN_A_ROW + 1)]
    assert not Outage.objects.exists()


def test_a_success_in_between_begins_the_count_anew(world, upstream, clock):
    upstream.answers = [*[DOWN] * 9, OK, *[DOWN] * 4, OK]

    async def story(gateway):
        return await posts(world, timed(gateway, clock), 15)

    assert "breaker_open" not in world.run(story)


def test_mostly_failures_open_it_although_some_calls_pass(world, upstream, clock):
    upstream.answers = [*[DOWN, DOWN, DOWN, OK] * 20]

    async def story(gateway):
        return await posts(world, timed(gateway, clock), 20)

    assert world.run(story)[-1] == "breaker_open"


def test_failures_of_long_ago_do_not_count(world, upstream, clock):
    upstream.answers = [DOWN]

    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW - 1)
        clock.forward(61)
        return await posts(world, gateway, IN_A_ROW - 1)

    assert world.run(story) == [503] * (IN_A_ROW - 1)


def test_a_trial_that_succeeds_closes_it_for_everybody(world, upstream, clock):
    upstream.answers = [*[DOWN] * IN_A_ROW, OK]

    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW)
        clock.forward(2)
        return await posts(world, gateway, 3)

    assert world.run(story) == [200] * 3
    outage = Outage.objects.get()
    assert (outage.is_open, outage.closed_at) == (False, NOON + timedelta(seconds=2))


def test_a_trial_that_fails_is_made_once_and_the_pause_begins_anew(world, upstream, clock):
    upstream.answers = [DOWN]

    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW)
        clock.forward(2)
        tried = await world.ask(gateway)  # a GET, which would else be repeated
        return code(tried), await posts(world, gateway, 1)

    assert world.run(story) == (503, ["breaker_open"])
    assert len(upstream.requests) == IN_A_ROW + 1
    assert Outage.objects.get().next_try_at == NOON + timedelta(seconds=4)


def test_of_many_callers_in_several_processes_one_is_the_trial(world, upstream, clock):
    upstream.answers = [DOWN]

    async def story(gateway):
        other = timed(Gateway(lookup=gateway.lookup), clock)  # its own memory, the same database
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW)
        first = await posts(world, other, 1)
        clock.forward(2)
        calls = [world.ask(each, method="POST", body=b"x") for each in (gateway, other) * 20]
        return first, [code(answer) for answer in await asyncio.gather(*calls)]

    first, heard = world.run(story)
    assert first == ["breaker_open"]  # the other process has learnt of it
    assert sorted(map(str, heard)) == ["503", *["breaker_open"] * 39]
    assert len(upstream.requests) == IN_A_ROW + 1


def test_a_trial_whose_process_died_is_another_ones_after_a_minute(world, upstream, clock):
    upstream.answers = [*[DOWN] * IN_A_ROW, OK]

    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW)
        clock.forward(2)
        outage = await gateway.lookup.in_thread(Outage.objects.get)
        await gateway.lookup.in_thread(outages.claimed, outage.pk, version=outage.version, now=clock.now())
        before = await posts(world, gateway, 2)
        clock.forward(60)
        return before, await posts(world, gateway, 1)

    assert world.run(story) == (["breaker_open"] * 2, [200])


def test_a_trial_whose_caller_leaves_is_the_next_callers(world, upstream, clock):
    upstream.answers = [*[DOWN] * IN_A_ROW, lambda sock, request: sock.recv(1), OK]

    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW)
        clock.forward(2)
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(0.4, gone.set)
        await world.ask(gateway, gone=gone)
        return await posts(world, gateway, 1)

    assert world.run(story) == [200]


def test_errors_to_one_connection_stop_that_one_alone(world, upstream, clock):
    ben = another(world, upstream)
    upstream.answers = [DOWN]

    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW)
        upstream.answers = [OK]
        return await posts(ben, gateway, 3), await posts(world, gateway, 1)

    assert world.run(story) == ([200] * 3, ["breaker_open"])


def test_errors_to_a_second_connection_stop_all_of_them(world, upstream, clock):
    ben = another(world, upstream)
    upstream.answers = [DOWN]

    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW)
        return await posts(ben, gateway, 4)

    assert world.run(story) == [503, 503, 503, "breaker_open"]
    assert Outage.objects.get().connection is None


def test_no_connection_stops_everybody_at_once(world, upstream, clock):
    ben = another(world, upstream)
    upstream.close()

    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, IN_A_ROW)
        return await posts(ben, gateway, 1)

    assert world.run(story) == ["breaker_open"]
    assert Outage.objects.get().reason == "unreachable"


def test_an_upstream_that_asks_for_time_gets_it(world, upstream, clock):
    upstream.answers = [status_answer(503, b"Retry-After: 45")]

    async def story(gateway):
        return await posts(world, timed(gateway, clock), IN_A_ROW)

    world.run(story)
    assert Outage.objects.get().next_try_at == NOON + timedelta(seconds=45)


def test_the_pauses_grow_with_chance_in_them_and_have_an_end():
    outages.opened("https://api.example", connection_id=None, reason="timeout", now=NOON, chance=lambda: 1.0)
    delays = []
    for number in range(5):
        outage = Outage.objects.get()
        delays.append(outage.delay_s)
        version = outages.claimed(outage.pk, version=outage.version, now=NOON)
        outages.failed_again(outage.pk, version=version, now=NOON, chance=lambda n=number: 1.0 if n < 4 else 0.5)
    assert delays == [6.0, 15.0, 15.0, 15.0, 15.0]
    assert Outage.objects.get().delay_s == 15.0


def test_a_result_that_comes_too_late_changes_nothing():
    outages.opened("https://api.example", connection_id=None, reason="timeout", now=NOON, chance=lambda: 0.0)
    outage = Outage.objects.get()
    version = outages.claimed(outage.pk, version=outage.version, now=NOON)
    assert outages.claimed(outage.pk, version=outage.version, now=NOON) is None
    later = outages.claimed(outage.pk, version=version, now=NOON + timedelta(seconds=61))
    outages.failed_again(outage.pk, version=version, now=NOON, chance=lambda: 1.0)
    assert Outage.objects.get().version == later


def test_while_nothing_fails_nothing_is_kept(world, upstream, clock):
    async def story(gateway):
        timed(gateway, clock)
        await posts(world, gateway, 3)
        breaker = gateway.forwarder.breaker
        return breaker._streaks, breaker._open

    assert world.run(story) == ({}, {})


def test_a_database_that_cannot_be_read_stops_no_call(world, clock):
    from integrations.gateway.reading import Unavailable

    async def unavailable():
        raise Unavailable

    async def story(gateway):
        timed(gateway, clock)
        gateway.forwarder.breaker._read = unavailable
        return await posts(world, gateway, 2)

    assert world.run(story) == [200, 200]


def another(world, upstream) -> World:
    """Return another client's connection to the same upstream."""
    client = make_client(name="Ben's", slug="bens")
    connection = make_connection(client, upstream, "bens-fake")
    token, text = tokens.make(client, "n8n", [connection], actor=SYSTEM)
    return World(client, connection, upstream, token, text.expose())


def test_the_origin_is_the_same_for_the_gateway_and_the_pages(world, upstream):
    assert outages.origin_of(world.connection) == Origin("http", "127.0.0.1", upstream.port).base
