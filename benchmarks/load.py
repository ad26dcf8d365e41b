"""The two ends of a gateway's benchmark: an upstream that answers at once, and callers that time every call.

Each end is a process of its own (`python -m benchmarks.load upstream`), so that neither shares the CPU time of
what is measured. Both speak just enough HTTP/1.1 for that: the bytes of a request are made once.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from dataclasses import dataclass

import uvloop

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n"
    b"X-RateLimit-Limit: 1000000\r\nX-RateLimit-Remaining: 999999\r\nX-RateLimit-Reset: 60\r\n\r\n"
    b'{"id": 1, "name": "a name"}'
)
HEAD_ENDS = b"\r\n\r\n"


class Upstream(asyncio.Protocol):
    """Answers every request without a body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        """Answer each head that is whole."""
        *heads, self.seen = (self.seen + data).split(HEAD_ENDS)
        if heads:
            self.transport.write(ANSWER * len(heads))  # type: ignore[attr-defined]


class OneCaller(asyncio.Protocol):
    """Sends one request after the other on one connection, and notes how long each took.

    `every_s` is the time between two of them, where an answer comes before; 0 sends the next at once.
    """

    def __init__(self, request: bytes, until: float, every_s: float = 0.0) -> None:
        self.request, self.until, self.every_s = request, until, every_s
        self.next_at = time.perf_counter() + every_s * random.random()
        self.times: list[float] = []
        self.wrong = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport
        self._ask_in_time()

    def _ask_in_time(self) -> None:
        left_s = self.next_at - time.perf_counter() if self.every_s else 0.0
        self.next_at += self.every_s
        if left_s > 0:
            asyncio.get_running_loop().call_later(left_s, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        self.seen, self.at = b"", time.perf_counter()
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Ask again once an answer is whole."""
        self.seen += data
        head, ends, body = self.seen.partition(HEAD_ENDS)
        if not ends or len(body) < _length(head):
            return
        now = time.perf_counter()
        self.times.append(now - self.at)
        self.wrong += not head.startswith(b"HTTP/1.1 200")
        if now >= self.until:
            self.transport.close()
        else:
            self._ask_in_time()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; an answer that never came counts as a wrong one."""
        self.wrong += time.perf_counter() < self.until
        self.done.set_result(None)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


@dataclass(frozen=True)
class Load:
    """What callers saw: calls, seconds in all, and the times of the middle and the slowest hundredth in µs."""

    calls: int
    wrong: int
    seconds: float
    p50_us: float
    p99_us: float


async def call(port: int, request: bytes, *, connections: int, seconds: float, rate: float = 0.0) -> Load:
    """Call for so many seconds over so many connections: `rate` calls a second in all, or as fast as answers come."""
    loop, until = asyncio.get_running_loop(), time.perf_counter() + seconds
    every_s = connections / rate if rate else 0.0
    begun = time.perf_counter()
    made = [
        (await loop.create_connection(lambda: OneCaller(request, until, every_s), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(caller.done for caller in made))
    times = sorted(one for caller in made for one in caller.times)
    took = time.perf_counter() - begun
    p50, p99 = (times[int(len(times) * share)] * 1e6 if times else 0.0 for share in (0.5, 0.99))
    return Load(len(times), sum(caller.wrong for caller in made), took, p50, p99)


def load(port: int, request: bytes, *, connections: int, seconds: float, rate: float = 0.0) -> Load:
    """Call from a process of its own."""
    wanted = json.dumps([port, request.decode("latin-1"), connections, seconds, rate])
    command = [sys.executable, "-m", "benchmarks.load", "callers"]
    told = subprocess.run(command, input=wanted, stdout=subprocess.PIPE, text=True, check=True).stdout
    return Load(**json.loads(told))


def start_upstream() -> tuple[subprocess.Popen[str], int]:
    """Start an upstream; return it and its port."""
    command = [sys.executable, "-m", "benchmarks.load", "upstream"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


async def _answer_for_ever() -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Be one of the two ends."""
    if sys.argv[1] == "upstream":
        uvloop.run(_answer_for_ever())
        return
    port, request, connections, seconds, rate = json.loads(sys.stdin.read())
    made = uvloop.run(call(port, request.encode("latin-1"), connections=connections, seconds=seconds, rate=rate))
    print(json.dumps(made.__dict__))


if __name__ == "__main__":
    main()
