"""What a stranger may send as much of as they like keeps no vendor out."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from integrations.models import WebhookEvent
from integrations.webhooks import quarantine, receiving, writer
from tests.factories import make_client, make_webhook_endpoint
from tests.integrations.webhooks.senders import NOW, SECRET, SIGNED_ID, body_of, post, signed, with_inlet

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/hooks/acme"
FORGED = [(b"x-signature", b"00" * 32), (b"x-timestamp", str(int(NOW.timestamp())).encode())]


@pytest.fixture(autouse=True)
def _endpoint() -> Any:
    return make_webhook_endpoint(make_client(), "acme", scheme_key="custom", custom=SIGNED_ID, secret=SECRET)


def test_what_is_verified_does_not_queue_behind_what_is_refused(monkeypatch):
    written: list[str] = []
    whole, disk = writer.write, threading.Event()
    disk.set()

    def noted(items: Any) -> Any:
        disk.wait(2)
        written.extend(type(item).__name__ for item in items)
        return whole(items)

    monkeypatch.setattr(writer, "write", noted)

    async def story(inlet: Any) -> Any:
        await post(inlet.handle, PATH, b"first")  # the endpoint is known from here on
        disk.clear()
        flood = [asyncio.ensure_future(post(inlet.handle, PATH, b"%d" % n, FORGED)) for n in range(100)]
        genuine = asyncio.ensure_future(post(inlet.handle, PATH, body_of(), signed(body_of())))
        while not inlet.writer._verified:  # noqa: ASYNC110 - a thread fills it; the flood waits before it
            await asyncio.sleep(0.001)
        disk.set()
        return (await genuine).status, {(await answer).status for answer in flood}

    assert with_inlet(story) == (200, {401})
    assert written.index("Arrival") <= 1 + writer.BATCH_REFUSED  # the first one, and what was being written


def test_what_is_refused_has_a_small_share_of_the_room(monkeypatch):
    monkeypatch.setattr(writer, "MOST_REFUSED", 5)
    bodies = [body_of(f"evt_{number}") for number in range(20)]

    async def story(inlet: Any) -> Any:
        flood = asyncio.gather(*(post(inlet.handle, PATH, b"%d" % n, FORGED) for n in range(50)))
        genuine = asyncio.gather(*(post(inlet.handle, PATH, body, signed(body)) for body in bodies))
        return {answer.status for answer in await flood}, {answer.status for answer in await genuine}

    refused, genuine = with_inlet(story)
    assert 503 in refused
    assert refused <= {401, 503}
    assert genuine == {200}


def test_the_quarantine_of_a_flooded_endpoint_is_not_looked_through_each_time(monkeypatch):
    monkeypatch.setattr(quarantine, "MOST", 40)
    looked: list[int] = []
    whole = quarantine._too_much

    def noted(*args: Any) -> Any:
        gone = whole(*args)
        looked.append(len(gone))
        return gone

    monkeypatch.setattr(quarantine, "_too_much", noted)

    async def story(inlet: Any) -> None:
        for number in range(60):
            await post(inlet.handle, PATH, b"%d" % number, FORGED)

    with_inlet(story)
    assert len(looked) <= 10
    assert WebhookEvent.objects.count() <= 40


def test_what_nobody_waits_for_any_more_is_counted_until_it_is_let_go(monkeypatch):
    monkeypatch.setattr(writer, "WITHIN_S", 0.01)
    monkeypatch.setattr(writer, "MOST_WAITING_BYTES", 150)

    async def story(inlet: Any) -> Any:
        stuck, inlet.writer = inlet.writer, writer.Writer()  # never started: as if its disk hung
        answers = [await post(inlet.handle, PATH, b"x" * 100, FORGED) for _ in range(2)]
        held, inlet.writer = len(inlet.writer._refused), stuck
        return [answer.status for answer in answers], held

    assert with_inlet(story) == ([503, 503], 1)


def test_long_bodies_that_trickle_keep_no_short_one_out(monkeypatch):
    monkeypatch.setattr(receiving, "MOST_AT_ONCE", 1000)

    async def story(inlet: Any) -> Any:
        inlet.room.take(1000)
        short = await post(inlet.handle, PATH, body_of(), signed(body_of()))
        long = body_of("evt_2", text="x" * receiving.FREE)
        return short.status, (await post(inlet.handle, PATH, long, signed(long))).status

    assert with_inlet(story) == (200, 503)


@pytest.mark.parametrize("length", [b"9" * 30, b"9" * 5000])
def test_a_length_that_is_no_number_of_bytes_is_too_large(length):
    async def story(inlet: Any) -> Any:
        return (await post(inlet.handle, PATH, b"x", [(b"content-length", length)])).status

    assert with_inlet(story) == 413
