"""How long a sender of webhooks waits, at a steady 200 events a second, with forwarding to a dead target.

Run it with `python -m benchmarks.webhooks [RATE] [SECONDS]`, on PostgreSQL with KEYLODGE_TEST_ENGINE=postgres. Beside
the inlet a bare ASGI application on the same server reads the body and stores nothing; the two take turns. Each request
is due at its own moment and is timed from there, sent or not: a slow answer cannot hold back the next request and so
hide itself. `ratio` is the inlet's figure over the bare view's, round by round; `cpu` is what the web process used for
one request, all its threads together.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from benchmarks.gateway import cpu_us, web_process
from tests.engines import start_engines
from tests.integrations.webhooks.senders import SECRET, SIGNED_ID, body_of, signed
from tests.integrations.webhooks.test_processes import SETUP
from tests.live import LiveKeylodge, free_port

RATE, SECONDS, ROUNDS = 200, 10, 3
CONNECTIONS = 50
PAYLOAD = {
    "customer": {"email": "ada@example.com", "name": "Ada"},
    "lines": [{"sku": n, "text": "x" * 40} for n in range(20)],
}
BARE = """
import asyncio, sys, uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})

server = Server(application, address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.ASGI,
                http=HTTPModes.http1, websockets=False)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(server.serve())
"""
RESUME = "from integrations.models import WebhookEndpoint; WebhookEndpoint.objects.update(is_forwarding_paused=False)"
COUNTS = """
import json
from integrations.models import WebhookDelivery, WebhookEvent
print(json.dumps([WebhookEvent.objects.filter(verdict="accepted").count(), WebhookDelivery.objects.count()]))
"""
_numbers = count()


@dataclass
class Round:
    """What one round of requests showed."""

    waits_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    cpu_us: float = 0.0

    def at(self, part: float) -> float:
        """Return the wait that so many of a hundred requests stayed under, in ms."""
        return sorted(self.waits_ms)[min(len(self.waits_ms) - 1, int(len(self.waits_ms) * part))]


def request() -> bytes:
    """Return one request as it goes over the wire, signed now."""
    body = body_of(f"evt_{next(_numbers)}", **PAYLOAD)
    lines = [b"POST /hooks/acme HTTP/1.1", b"host: localhost", b"content-type: application/json"]
    lines += [name + b": " + value for name, value in signed(body, at=datetime.now(UTC))]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body])


async def run(port: int, rate: int, seconds: float) -> Round:
    """Send at a steady rate over kept connections; the next free one takes the next request."""
    made, idle = Round(), asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    began = time.perf_counter()

    async def one(number: int) -> None:
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        reader, writer = await idle.get()
        writer.write(request())
        status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])
        made.waits_ms.append((time.perf_counter() - due) * 1000)
        made.statuses[status] += 1
        idle.put_nowait((reader, writer))

    await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    while not idle.empty():
        idle.get_nowait()[1].close()
    return made


def measured(port: int, pids: Callable[[], list[int]], *, rate: int, seconds: float) -> Round:
    """Return one round, with the CPU that the server used for each request."""
    before = cpu_us(pids())
    made = asyncio.run(run(port, rate, seconds))
    made.cpu_us = (cpu_us(pids()) - before) / len(made.waits_ms)
    return made


def figures(rounds: list[Round]) -> dict[str, object]:
    """Return the medians over the rounds."""
    return {
        "p50_ms": round(statistics.median(one.at(0.50) for one in rounds), 2),
        "p99_ms": round(statistics.median(one.at(0.99) for one in rounds), 2),
        "worst_ms": round(max(max(one.waits_ms) for one in rounds), 1),
        "cpu_us": round(statistics.median(one.cpu_us for one in rounds)),
        "statuses": dict(sum((one.statuses for one in rounds), Counter())),
    }


def ratio(inlet: list[Round], bare: list[Round], part: float) -> float:
    """Return the median of the inlet's wait over the bare view's, round by round."""
    return round(statistics.median(a.at(part) / b.at(part) for a, b in zip(inlet, bare, strict=True)), 1)


def main() -> None:
    """Measure and print JSON."""
    start_engines()
    rate, seconds = int(sys.argv[1]) if sys.argv[1:] else RATE, float(sys.argv[2]) if sys.argv[2:] else SECONDS
    folder, dead = Path(tempfile.mkdtemp(prefix="keylodge-bench-")), free_port()
    live = LiveKeylodge(folder / "home", KEYLODGE_ALLOWED_PRIVATE_HOSTS=f"127.0.0.1:{dead}")
    bare_port = free_port()
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(bare_port)])
    try:
        live.wait_for(live.said_all, "the start", within_s=180)
        given = json.dumps([SIGNED_ID, SECRET, f"http://127.0.0.1:{dead}/webhook/1"])
        for code in (SETUP, RESUME):
            done = live.command("shell", "-v0", "--no-imports", "-c", code, stdin=given)
            assert done.returncode == 0, done.stderr
        ways: dict[str, tuple[int, Callable[[], list[int]], list[Round]]] = {
            "bare": (bare_port, lambda: [bare.pid], []),
            "inlet": (live.port, lambda: web_process(live), []),
        }
        for port, pids, _ in ways.values():
            measured(port, pids, rate=rate, seconds=2)
        for _ in range(ROUNDS):
            for port, pids, rounds in ways.values():
                rounds.append(measured(port, pids, rate=rate, seconds=seconds))
        rounds_of = {name: rounds for name, (_, _, rounds) in ways.items()}
        told = live.command("shell", "-v0", "--no-imports", "-c", COUNTS)
        report = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "load": os.getloadavg()[0],
            "database": "postgresql" if "DATABASE_URL" in live.environment else "sqlite",
            "rate": rate,
            **{name: figures(rounds) for name, rounds in rounds_of.items()},
            "ratio p50": ratio(rounds_of["inlet"], rounds_of["bare"], 0.50),
            "ratio p99": ratio(rounds_of["inlet"], rounds_of["bare"], 0.99),
            "events, deliveries": json.loads(told.stdout),
        }
        print(json.dumps(report, indent=2))
    finally:
        live.stop()
        bare.terminate()
        bare.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
