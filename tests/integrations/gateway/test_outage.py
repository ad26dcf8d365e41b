"""Promise R12: an upstream that was down and comes back is not met by a herd."""

from __future__ import annotations

import asyncio
import re
import statistics
import time

import pytest

from integrations.gateway.retry import MAX_ATTEMPTS, RetryBudget
from tests.fake_upstream import OK

pytestmark = pytest.mark.django_db(transaction=True)

DOWN = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"
CALLERS = 40


@pytest.fixture
def arrivals(upstream):
    """Return what arrives as (when, number of the call), and let the upstream be down until told otherwise."""
    found = []

    def note(sock, request):
        found.append((time.monotonic(), int(re.search(rb"/n(\d+) ", request)[1])))
        sock.sendall(note.answer)

    note.answer, upstream.answers = DOWN, [note]
    return found


async def everybody_calls(world, gateway, *, first):
    calls = (world.ask(gateway, f"/n{number}") for number in range(first, first + CALLERS))
    return [answer.status for answer in await asyncio.gather(*calls)]


def test_an_outage_costs_few_repeats_spread_over_time_and_the_return_none(world, upstream, arrivals):
    async def story(gateway):
        down = await everybody_calls(world, gateway, first=0)
        upstream.answers[0].answer = OK
        came_before = len(arrivals)
        back = await everybody_calls(world, gateway, first=CALLERS)
        await asyncio.sleep(1.2)  # longer than any pause of ours: nothing comes afterwards
        return down, back, came_before

    down, back, came_before = world.run(story)
    assert (set(down), set(back)) == ({503}, {200})
    assert came_before == CALLERS + RetryBudget.FLOOR
    assert len(arrivals) - came_before == CALLERS
    assert max(sum(number == n for _, number in arrivals) for n in range(CALLERS)) <= MAX_ATTEMPTS
    pauses = [later - earlier for earlier, later in again(arrivals)]
    assert len(pauses) == RetryBudget.FLOOR
    assert statistics.pstdev(pauses) > 0.02


def again(arrivals):
    """Yield the moments of each repeat and of the attempt before it."""
    last = {}
    for at, number in arrivals:
        if number in last:
            yield last[number], at
        last[number] = at
