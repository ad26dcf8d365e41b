"""Made-up addresses of keys neither push out a genuine key nor keep it from being used."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from integrations.webhooks import keys
from integrations.webhooks.keys import Keys
from tests.integrations.webhooks.senders import NOW

GENUINE = "https://sns.eu-central-1.amazonaws.com/genuine.pem"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: Any) -> Clock:
    monkeypatch.setattr(keys, "MOST_KEPT", 4)
    monkeypatch.setattr(keys, "MOST_FETCHING", 2)
    monkeypatch.setattr(keys.connections, "close_all", lambda: None)
    return Clock()


def test_addresses_without_a_key_are_forgotten_first(clock, monkeypatch):
    fetched: list[str] = []

    def fetch(url: str, **_: Any) -> bytes | None:
        fetched.append(url)
        return b"key" if url == GENUINE else None

    monkeypatch.setattr(keys, "_in_own_thread", fetch)

    async def story() -> list[bytes | None]:
        ours = Keys(clock=clock)
        found = [await ours._one(GENUINE, now=NOW)]
        for number in range(20):
            await ours._one(f"{GENUINE}-{number}", now=NOW)
        found.append(await ours._one(GENUINE, now=NOW))
        await ours.close()
        return found

    assert asyncio.run(story()) == [b"key", b"key"]
    assert fetched.count(GENUINE) == 1


def test_a_key_that_is_due_counts_on_while_made_up_addresses_are_fetched(clock, monkeypatch):
    is_over = threading.Event()

    def fetch(url: str, **_: Any) -> bytes | None:
        if url != GENUINE:
            is_over.wait(20)
            return None
        return b"key"

    monkeypatch.setattr(keys, "_in_own_thread", fetch)

    async def story() -> bytes | None:
        ours = Keys(clock=clock)
        await ours._one(GENUINE, now=NOW)
        clock.now += keys.KEPT_S + 1
        flood = [asyncio.ensure_future(ours._one(f"{GENUINE}-{number}", now=NOW)) for number in range(2)]
        await asyncio.sleep(0)
        found = await ours._one(GENUINE, now=NOW)
        is_over.set()
        await asyncio.gather(*flood)
        await ours.close()
        return found

    assert asyncio.run(story()) == b"key"
