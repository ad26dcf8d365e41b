"""What a provider has closed until a time: told by one process, known to all, and over when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from integrations import ledger
from integrations.gateway.quota.closed import LONGEST_S, Closings
from integrations.ledger import LedgerUnavailable
from tests.integrations.gateway.quota.virtual import clock, in_virtual_time

pytestmark = pytest.mark.matrix


@pytest.fixture
def states(monkeypatch) -> dict[str, bytes]:
    """Return what a ledger in memory holds."""
    kept: dict[str, bytes] = {}

    def change(key: str, decide: Callable[[bytes], Any], *, lives_s: float) -> Any:
        kept[key], result = decide(kept.get(key, b""))
        return result

    monkeypatch.setattr(ledger, "read", lambda key: (1, kept.get(key, b"")))
    monkeypatch.setattr(ledger, "change", change)
    return kept


async def at_once(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return work(*args, **kwargs)


async def nowhere(*args: Any, **kwargs: Any) -> Any:
    raise LedgerUnavailable("away")


def closings(in_thread: Callable[..., Awaitable[Any]] = at_once) -> Closings:
    return Closings(in_thread, clock=clock)


def test_a_closed_quota_is_closed_until_its_time(states):
    async def story() -> None:
        own = closings()
        own.close("burst", until=clock() + 30)
        assert own.of(["other"]) is None
        assert own.of(["other", "burst"]).until == pytest.approx(clock() + 30)
        await asyncio.sleep(30)
        assert own.of(["burst"]) is None

    in_virtual_time(story)


def test_another_process_knows_within_a_second(states):
    async def story() -> None:
        one, two = closings(), closings()
        two.of([])
        one.close("burst", until=clock() + 30, is_spent=True)
        await one.settled()
        assert two.of(["burst"]) is None
        await asyncio.sleep(1)
        two.of(["burst"])
        await two.settled()
        assert two.of(["burst"]).is_spent

    in_virtual_time(story)


def test_two_who_close_at_once_lose_nothing(states):
    async def story() -> None:
        one, two = closings(), closings()
        one.close("burst", until=clock() + 30)
        two.close("day", until=clock() + 60)
        await asyncio.gather(one.settled(), two.settled())
        third = closings()
        third.of([])
        await third.settled()
        assert third.of(["burst"])
        assert third.of(["day"])

    in_virtual_time(story)


def test_without_the_ledger_a_process_heeds_what_it_has_heard(states):
    async def story() -> None:
        own = closings(nowhere)
        own.close("burst", until=clock() + 30)
        await asyncio.sleep(2)
        assert own.of(["burst"])
        await own.settled()

    in_virtual_time(story)


def test_no_provider_closes_a_quota_for_years(states):
    async def story() -> None:
        own = closings()
        own.close("burst", until=clock() + 1e9)
        assert own.of(["burst"]).until <= clock() + LONGEST_S
        await own.settled()

    in_virtual_time(story)


@pytest.mark.parametrize("raw", [b"[]", b"{", b'{"a":1}', b'{"a":[1]}', b"\xff"])
def test_what_cannot_be_read_closes_nothing(states, raw):
    states["quotas closed"] = raw

    async def story() -> None:
        own = closings()
        own.of([])
        await own.settled()
        assert own.of(["a"]) is None

    in_virtual_time(story)
