"""Fifty workflows in three processes, in virtual time: no 429, the whole quota, and for each its part."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from integrations.gateway.quota.share import Share, TooLate
from integrations.gateway.quota.window import Lease, Quota, State, Told
from integrations.ledger import LedgerUnavailable
from tests.integrations.gateway.quota.virtual import SharedLedger, Upstream, clock, in_virtual_time, process

pytestmark = pytest.mark.matrix

BURST = Quota(190, 10)
ONE, TWO = UUID(int=1), UUID(int=2)


@dataclass
class Told50:
    """What came of a run: calls by token, and what the upstream refused."""

    by_token: list[int] = field(default_factory=list)
    arrived: int = 0
    refused: int = 0


def fifty(spread: tuple[int, ...], *, seconds: float, quota: Quota = BURST, at_once: int = 1) -> Told50:
    """Let workflows call without pause for some time; the first one has `at_once` calls waiting at any moment."""
    told = Told50()

    async def story() -> None:
        dice = random.Random(1)
        upstream, ledger = Upstream(quota, dice=dice), SharedLedger(dice=dice)
        tasks, tokens = [], []
        for number, count in enumerate(spread):
            share = process(f"p{number}", quota, ledger)
            for _ in range(count):
                tokens.append(UUID(int=len(tokens)))
                loops = at_once if len(tokens) == 1 else 1
                tasks += [asyncio.create_task(workflow(share, tokens[-1], upstream)) for _ in range(loops)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        told.by_token = [upstream.by_token[token] for token in tokens]
        told.arrived, told.refused = len(upstream.arrived), upstream.refused

    in_virtual_time(story)
    return told


async def workflow(share: Share, token: UUID, upstream: Upstream) -> None:
    while True:
        try:
            used = await share.take(token, within_s=60)
        except TooLate as late:
            await asyncio.sleep(late.wait_s)
            continue
        await upstream.call(token)
        share.answered(used)


@pytest.mark.parametrize(
    ("spread", "at_once"),
    [((17, 17, 16), 1), ((30, 10, 10), 1), ((48, 1, 1), 1), ((50,), 1), ((30, 10, 10), 500)],
)
def test_fifty_workflows_use_the_whole_quota_fairly_and_are_never_refused(spread, at_once):
    told = fifty(spread, seconds=50, at_once=at_once)
    assert told.refused == 0
    assert told.arrived >= 0.95 * 190 * 5
    assert min(told.by_token) >= 0.5 * told.arrived / 50


def test_a_quota_of_one_call_a_second_is_shared_out_too():
    told = fifty((2, 1), seconds=60, quota=Quota(2, 2))
    assert told.refused == 0
    assert told.arrived >= 0.8 * 60  # a window of two calls has room for no more care than that
    assert min(told.by_token) >= 0.5 * told.arrived / 3


def test_where_nobody_waits_most_calls_ask_nobody():
    async def story() -> None:
        dice = random.Random(1)
        ledger = SharedLedger(dice=dice)
        share = process("a", Quota(1_000, 10), ledger)
        for _ in range(500):
            share.answered(await share.take(ONE, within_s=1))
            await asyncio.sleep(0.02)
        assert ledger.asked < 50

    in_virtual_time(story)


def test_a_call_that_may_not_wait_so_long_hears_when_its_turn_would_be():
    async def story() -> None:
        share = process("a", Quota(5, 100), SharedLedger(dice=random.Random(1)))
        for _ in range(5):
            await share.take(ONE, within_s=100)
        with pytest.raises(TooLate) as late:
            await share.take(ONE, within_s=1)
        assert share.is_idle
        with pytest.raises(TooLate) as known:  # now it need not even ask
            await share.take(TWO, within_s=1)
        assert 40 < known.value.wait_s <= 110
        assert late.value.wait_s > 1

    in_virtual_time(story)


def test_a_caller_that_goes_away_leaves_its_permit_to_the_next():
    async def story() -> None:
        ledger = SharedLedger(dice=random.Random(1))
        share = process("a", BURST, ledger)
        gone = asyncio.create_task(share.take(ONE, within_s=9))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert share.is_idle
        await share.take(TWO, within_s=9)

    in_virtual_time(story)


def test_permits_that_come_back_are_free_again():
    async def story() -> None:
        ledger = SharedLedger(dice=random.Random(1))
        share = process("a", Quota(5, 100), ledger)
        for _ in range(60):
            share.give_back(await share.take(ONE, within_s=5))
            await asyncio.sleep(20)
        assert sum(State.load(ledger.states["quota"]).counts.values()) <= 1

    in_virtual_time(story)


def test_without_the_shared_state_a_process_counts_for_itself():
    async def away(*_: object) -> Lease:
        raise LedgerUnavailable("away")

    async def story() -> None:
        share = Share("quota", Quota(10, 10), taker="a", asking=away, clock=clock)
        for _ in range(10):
            await share.take(ONE, within_s=30)
        with pytest.raises(TooLate):
            await share.take(ONE, within_s=0.5)

    in_virtual_time(story)


def test_a_shared_state_that_goes_away_takes_no_count_along():
    async def story() -> None:
        ledger = SharedLedger(dice=random.Random(1))
        share = process("a", Quota(10, 10), ledger)
        for _ in range(6):
            await share.take(ONE, within_s=30)

        async def away(*_: object) -> Lease:
            raise LedgerUnavailable("away")

        share._asking = away
        before = clock()
        for _ in range(6):
            await share.take(ONE, within_s=30)
        assert clock() - before >= 5

    in_virtual_time(story)


def test_what_an_answer_says_reaches_every_process():
    async def story() -> None:
        ledger = SharedLedger(dice=random.Random(1))
        first, second = process("a", BURST, ledger), process("b", BURST, ledger)
        await first.take(ONE, within_s=1)
        first.tell(Told(0, clock()))
        await first.take(ONE, within_s=30)
        asked = clock()
        await second.take(TWO, within_s=30)
        assert first.used >= 189 or asked > 0
        assert sum(State.load(ledger.states["quota"]).counts.values()) >= 1

    in_virtual_time(story)
