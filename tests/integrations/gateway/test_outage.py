"""Promise R12: an upstream that was down and comes back is not met by a herd."""

from __future__ import annotations

import asyncio
import re
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connections

from integrations import tokens
from integrations.gateway.bulkhead import Bulkhead
from integrations.gateway.retry import MAX_ATTEMPTS, RetryBudget
from integrations.gateway.throttle import Blocks
from secrets_vault.actor import SYSTEM
from secrets_vault.ids import uuid7
from tests.factories import make_client
from tests.fake_upstream import OK
from tests.integrations.gateway.conftest import World, make_connection
from tests.integrations.gateway.test_breaker import Clock, timed

pytestmark = pytest.mark.django_db(transaction=True)

DOWN = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"
CALLERS = 40
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def arrivals(upstream):
    """Return what arrives as (when, number of the call), and let the upstream be down until told otherwise."""
    found = []

    def note(sock, request):
        found.append((time.monotonic(), int(re.search(rb"/n(\d+) ", request)[1])))
        note.may_answer.wait(timeout=20)
        sock.sendall(note.answer)

    note.answer, note.may_answer, upstream.answers = DOWN, threading.Event(), [note]
    note.may_answer.set()
    return found


async def everybody_calls(world, gateway, *, first):
    calls = (world.ask(gateway, f"/n{number}") for number in range(first, first + CALLERS))
    return [answer.status for answer in await asyncio.gather(*calls)]


async def everybody_calls_while_one_tries(world, gateway, may_answer, *, first):
    """Let the one that goes out hear nothing before all others have: who comes after its answer may call again."""
    may_answer.clear()
    calls = [asyncio.ensure_future(world.ask(gateway, f"/n{first + number}")) for number in range(CALLERS)]
    answered = asyncio.as_completed(calls)
    for _ in range(CALLERS - 1):
        await next(answered)
    may_answer.set()
    return [answer.status for answer in await asyncio.gather(*calls)]


def test_of_an_outage_only_those_under_way_hear_and_one_caller_finds_its_end(world, upstream, arrivals):
    clock = Clock()

    async def story(gateway):
        timed(gateway, clock)
        down = await everybody_calls(world, gateway, first=0)
        refused, came = await everybody_calls(world, gateway, first=CALLERS), len(arrivals)
        upstream.answers[0].answer = OK
        clock.forward(2)
        may_answer = upstream.answers[0].may_answer
        trying = await everybody_calls_while_one_tries(world, gateway, may_answer, first=2 * CALLERS)
        return down, refused, came, trying, await everybody_calls(world, gateway, first=3 * CALLERS)

    down, refused, came, trying, back = world.run(story)
    assert (set(down), set(refused)) == ({503}, {503})
    assert came <= 1.1 * CALLERS  # all were under way when it opened; of those after it none goes out
    assert (trying.count(200), back.count(200)) == (1, CALLERS)
    assert len(arrivals) - came == 1 + CALLERS


def test_repeats_are_few_and_spread_over_time(upstream, settings, arrivals):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    client = make_client()
    connection = make_connection(client, upstream, "acme-fake", retries_500=True)
    token, text = tokens.make(client, "n8n", [connection], actor=SYSTEM)
    world = World(client, connection, upstream, token, text.expose())
    upstream.answers[0].answer = DOWN.replace(b"503", b"500")  # no sign of an outage: the breaker stays closed

    async def story(gateway):
        gateway.forwarder.bulkhead = Bulkhead(Blocks(gateway.lookup.in_thread), now=lambda: NOON)  # no new minute
        down = await everybody_calls(world, gateway, first=0)
        came = len(arrivals)
        await asyncio.sleep(1.2)  # longer than any pause of ours: nothing comes afterwards
        return down, came

    down, came = world.run(story)
    assert set(down) == {500}
    assert came == len(arrivals) == CALLERS + RetryBudget.FLOOR
    assert max(sum(number == n for _, number in arrivals) for n in range(CALLERS)) <= MAX_ATTEMPTS
    pauses = [later - earlier for earlier, later in again(arrivals)]
    assert len(pauses) == RetryBudget.FLOOR
    assert statistics.pstdev(pauses) > 0.02


def test_the_processes_have_one_floor_of_repeats_together():
    connection_id = uuid7()

    async def story(in_thread):
        budgets = [Bulkhead(Blocks(in_thread), now=lambda: NOON).of(connection_id)[1] for _process in range(3)]
        return [[await budget.allows(time.monotonic()) for _ in range(6)] for budget in budgets]

    granted = asyncio.run(in_one_thread(story))
    assert granted == [[True] * 6, [True] * 4 + [False] * 2, [False] * 6]


def test_without_the_shared_row_a_process_repeats_its_own_tenth_alone():
    async def broken(*args, **kwargs):
        raise OperationalError

    async def story():
        budget = Bulkhead(Blocks(broken)).of(uuid7())[1]
        for _ in range(20):
            budget.called(0.0)
        return [await budget.allows(1.0) for _ in range(3)]

    assert asyncio.run(story()) == [True, True, False]


async def in_one_thread(story):
    """Run a story whose database work is done in one thread, which closes its connection in the end."""
    with ThreadPoolExecutor(1) as thread:

        async def in_thread(work, *args, **kwargs):
            return await asyncio.get_running_loop().run_in_executor(thread, lambda: work(*args, **kwargs))

        try:
            return await story(in_thread)
        finally:
            await in_thread(connections.close_all)


def again(arrivals):
    """Yield the moments of each repeat and of the attempt before it."""
    last = {}
    for at, number in arrivals:
        if number in last:
            yield last[number], at
        last[number] = at
