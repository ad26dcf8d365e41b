"""A thousand callers of a provider that answers 503: once the breaker is open, hardly a call goes out."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.integrations.gateway.test_processes import SETUP, shell
from tests.integrations.gateway.test_streaming import Upstream
from tests.live import LiveKeylodge

pytestmark = [pytest.mark.processes, pytest.mark.matrix]

PROCESSES = 3
AT_ONCE = 100
DOWN = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
STATE = "from integrations.models import Outage; print(list(Outage.objects.values_list('is_open', flat=True)))"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    made.attempts, made.lock = 0, threading.Lock()

    def down(sock: socket.socket, head: bytes, rest: bytes) -> None:
        with made.lock:
            made.attempts += 1
        sock.sendall(DOWN)

    made.serve = down
    yield made
    made.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory, upstream):
    running = LiveKeylodge(
        tmp_path_factory.mktemp("home"),
        KEYLODGE_ALLOWED_PRIVATE_HOSTS=upstream.host,
        KEYLODGE_WEB_PROCESSES=str(PROCESSES),
    )
    yield running.wait_until_started()
    running.stop()


@pytest.fixture(scope="module")
def text(live, upstream):
    return shell(live, SETUP, json.dumps([upstream.url, "sk-real"]))


async def call(port: int, text: str, turn: asyncio.Semaphore) -> bytes:
    """Make one GET on a connection of its own; return the whole answer."""
    async with turn:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET /gateway/acme-fake/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {text}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer


async def storm(port: int, text: str, callers: int) -> list[bytes]:
    turn = asyncio.Semaphore(AT_ONCE)
    return await asyncio.gather(*(call(port, text, turn) for _ in range(callers)))


@pytest.mark.parametrize("callers", [300, pytest.param(1000, marks=pytest.mark.soak)])
def test_once_the_breaker_is_open_hardly_a_call_goes_out(live, text, upstream, callers):
    before = upstream.attempts
    first = asyncio.run(storm(live.port, text, callers))
    came = upstream.attempts - before
    assert all(answer.startswith(b"HTTP/1.1 503") for answer in first)
    assert came <= 1.1 * callers
    assert shell(live, STATE) == "[True]"
    second = asyncio.run(storm(live.port, text, callers))
    refused = sum(b'"breaker_open"' in answer for answer in second)
    trials = upstream.attempts - before - came
    print(f"{callers} callers: {came} attempts until it was open and while it opened, {trials} in the next {callers}")
    assert refused + trials == callers
    assert trials <= 5
