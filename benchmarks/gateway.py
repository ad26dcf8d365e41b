"""The gateway beside nginx with a fixed header, two proxies of Node's, and a direct call.

Run it with `python -m benchmarks.gateway`. At 1, 32 and 256 connections, and at 256 with a fixed rate, the ways are
interleaved, round by round; printed are medians of the rounds, and of the ratios within each round. CPU is that of
all threads of the process in the middle, so of a web process with what it writes to the call log. Absolute figures
drift with the machine and its load; the ratios hold. An anchor that is not installed reads "not measured".

`unlogged` is the same web process with nothing written, `unlimited` the same without the limiter, `changed` counts
the generation up before every call, as any change anywhere in the installation does, `cold` uses a gateway token that
the process has never seen.
With `--before PATH`, another checkout with its own `.venv` is measured in the same run.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.request import urlopen

from benchmarks import anchors, load
from tests import live as running
from tests.live import LiveKeylodge, free_port

# As fast as answers come, 256 connections wait for one another: p99 is then their number times what a call costs.
# What the gateway itself adds shows at a rate that it can carry.
LOADS = (
    ("1 connection", 1, 0.0),
    ("32 connections", 32, 0.0),
    ("256 connections", 256, 0.0),
    ("256 connections, 1,000 calls a second in all", 256, 1000.0),
)
ROUNDS = 5
SECONDS = 3.0
ANCHORS = ("nginx", "http-proxy", "http-proxy, kept alive", "reply-from", "reply-from, over http", "before")
COLD_CALLS = 100
COLD_ROUNDS = 7
PATH = "/gateway/acme-fake/things"
WITHOUT = """
from config import child
child._log_safely()
from config.web import serve
{patch}
serve()
"""
WITHOUT_LOG = """
from integrations.call_log import CallWriter
CallWriter.put = lambda self, record: None
"""
WITHOUT_LIMITER = """
from integrations.gateway.quota.limiter import Limiter, Pass
async def take(self, asker, *, within_s=0.0):
    return Pass(asker)
Limiter.take, Limiter.heard = take, lambda self, *args, **options: None
"""
SETUP = """
import json
from datetime import date
from integrations import tokens
from integrations.models import Connection, CustomProvider
from integrations.providers.custom import custom_from
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client, Environment
from secrets_vault.secret import Secret
url, count = json.loads(input())
client = Client.objects.create(slug="acme", name="Acme")
env = Environment.objects.create(client=client, slug="production", is_production=True)
facts = custom_from({"base_url": url}, key="custom-fake", name="Fake", today=date(2026, 11, 22))
CustomProvider.objects.create(key="custom-fake", name="Fake", facts=facts)
stored = vault.store(actor=COMMAND, client=client, environment=env, kind="api_key", label="k",
                     fields={"api_key": Secret("sk-real-0123456789abcdef")},
                     policy=vault.Policy((url.split("//")[1],), ("header:authorization",)))
made = Connection.objects.create(slug="acme-fake", client=client, environment=env, provider_key="custom-fake",
                                 kind="api_key", secret=stored, status="connected")
print(json.dumps([tokens.make(client, f"bench {n}", [made], actor=COMMAND)[1].expose() for n in range(count)]))
"""


def cpu_us(pids: list[int]) -> float:
    """Return the CPU time that the threads of these processes have used, as the scheduler counts it."""
    threads = [file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in threads) / 1000


def memory_mb(pids: list[int]) -> float:
    """Return the resident memory of these processes."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * 4096 / 1e6


@dataclass(frozen=True)
class Way:
    """One way to the upstream: its port, what a caller sends, and whose CPU time counts."""

    port: int
    request: bytes
    pids: list[int]

    def run(self, connections: int, rate: float = 0.0) -> dict[str, float]:
        """Call for some seconds, at this rate in all or as fast as it goes; return the figures of this round."""
        before = cpu_us(self.pids)
        made = load.load(self.port, self.request, connections=connections, seconds=SECONDS, rate=rate)
        time.sleep(0.6)  # what is written a little later belongs to these calls
        assert made.calls > 0 == made.wrong, made
        return {
            "cpu_us": (cpu_us(self.pids) - before) / made.calls,
            "calls_per_s": made.calls / made.seconds,
            "p50_us": made.p50_us,
            "p99_us": made.p99_us,
        }


def request(path: str, port: int, token: str) -> bytes:
    """Return the bytes of a call as a script makes it."""
    lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}", "Accept: */*")
    return "\r\n".join([*lines, "User-Agent: benchmark/1", "Accept-Encoding: gzip", "", ""]).encode()


class Installation:
    """A running Keylodge with one connection to the upstream, from this checkout or another."""

    def __init__(self, home: Path, upstream: str, *, root: Path, tokens: int = 1) -> None:
        is_other, running.ROOT = root != running.ROOT, root  # another checkout makes tables of its own
        live = LiveKeylodge(home, is_from_nothing=is_other, KEYLODGE_ALLOWED_PRIVATE_HOSTS=upstream)
        self.live = live.wait_until_started()
        wanted = json.dumps([f"http://{upstream}", tokens])
        made = self.live.command("shell", "-v0", "--no-imports", "-c", SETUP, stdin=wanted)
        self.token, *self.unseen = json.loads(made.stdout)

    @property
    def pids(self) -> list[int]:
        """The web child of the supervisor."""
        named = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in self.live.children()}
        return [pid for pid, words in named.items() if b"web" in words]

    def way(self) -> Way:
        """Return the way through its gateway."""
        return Way(self.live.port, request(PATH, self.live.port, self.token), self.pids)

    def without(self, patch: str, stack: ExitStack) -> Way:
        """Start another web process that lacks something, and return the way through it."""
        port = free_port()
        variables = self.live.environment | {"KEYLODGE_PORT": str(port), "DJANGO_SETTINGS_MODULE": "config.settings"}
        process = subprocess.Popen([sys.executable, "-c", WITHOUT.format(patch=patch)], env=variables, cwd=running.ROOT)
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        for _ in range(100):
            try:
                urlopen(f"http://localhost:{port}/healthz")
                break
            except OSError:
                time.sleep(0.2)
        return Way(port, request(PATH, port, self.token), [process.pid])


def calls(port: int, each: Iterable[str]) -> int:
    """Make a call with each of these tokens on one connection; return how many."""
    connection, made = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0
    for token in each:
        connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        made += 1
    connection.close()
    return made


def counting_up(home: Path, token: str) -> Iterator[str]:
    """Yield a token a hundred times, and count the generation up before each call."""
    with (home / "generation").open("r+b", buffering=0) as counter:
        for _ in range(COLD_CALLS):
            number = struct.unpack("<Q", os.pread(counter.fileno(), 8, 0))[0]
            os.pwrite(counter.fileno(), struct.pack("<Q", number + 1), 0)
            yield token


def routes_made_anew(one: Installation) -> dict[str, float]:
    """Return the CPU µs of calls one after the other: their route is known, is read again, was never seen."""
    unseen = iter(one.unseen)
    ways = {
        "known": lambda: [one.token] * COLD_CALLS,
        "changed": lambda: counting_up(one.live.home, one.token),
        "cold": lambda: islice(unseen, COLD_CALLS),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(COLD_ROUNDS):
        for name, each in ways.items():
            before = cpu_us(one.pids)
            made = calls(one.live.port, each())
            time.sleep(0.4)
            found[name].append((cpu_us(one.pids) - before) / made)
    return {name: round(statistics.median(values)) for name, values in found.items()}


def measured(ways: dict[str, Way], times: int) -> dict[str, object]:
    """Return the figures of every way at each number of connections."""
    found: dict[str, object] = {}
    for title, connections, rate in LOADS:
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for way in ways.values():
            way.run(connections, rate)  # once to warm up
        for _ in range(times):
            for name, way in ways.items():
                rounds[name].append(way.run(connections, rate))
        found[title] = {name: figures(name, rounds) for name in ways}
    return found


def figures(name: str, rounds: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """Return the medians of one way, what it adds to a direct call, and its share of each anchor's calls."""
    mine = rounds[name]
    told = {what: round(statistics.median(one[what] for one in mine)) for what in mine[0]}
    for what in ("p50_us", "p99_us"):
        added = [one[what] - direct[what] for one, direct in zip(mine, rounds["direct"], strict=True)]
        told[f"added {what}"] = round(statistics.median(added))
    for anchor in ANCHORS:
        if anchor in rounds and name not in ("direct", anchor):
            shares = [other["cpu_us"] / one["cpu_us"] for one, other in zip(mine, rounds[anchor], strict=True)]
            told[f"calls per CPU-second / {anchor}"] = round(statistics.median(shares), 3)
    return told


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="another checkout, with its own .venv, to measure beside this one")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each way is measured")
    given = parser.parse_args()
    before = given.before
    folder = Path(tempfile.mkdtemp(prefix="keylodge-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        process, port = load.start_upstream()
        stack.callback(process.terminate)
        upstream, here = f"127.0.0.1:{port}", running.ROOT
        one = Installation(folder / "home", upstream, root=here, tokens=1 + COLD_ROUNDS * COLD_CALLS)
        stack.callback(one.live.stop)
        ways = {"direct": Way(port, request("/things", port, "none"), [process.pid])}
        beside = anchors.started(folder, upstream, token=one.token)
        for name, anchor in beside.items():
            stack.callback(anchor.stop)
            ways[name] = Way(anchor.port, request("/things", anchor.port, one.token), anchor.pids)
        if before is not None:
            other = before_it(folder / "before", upstream, root=before.resolve())
            stack.callback(other.live.stop)
            ways["before"] = other.way()
        running.ROOT = here
        ways |= {"keylodge": one.way()}
        ways |= {"unlogged": one.without(WITHOUT_LOG, stack), "unlimited": one.without(WITHOUT_LIMITER, stack)}
        print(json.dumps(told(measured(ways, given.rounds), one, ways), indent=2))


def before_it(home: Path, upstream: str, *, root: Path) -> Installation:
    """Start another checkout with its own Python."""
    mine, sys.executable = sys.executable, str(root / ".venv/bin/python")
    try:
        return Installation(home, upstream, root=root)
    finally:
        sys.executable = mine


def told(found: dict[str, object], one: Installation, ways: dict[str, Way]) -> dict[str, object]:
    """Return all that is printed."""
    absent = [name for name in ANCHORS if name not in ways]
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 2),
        **found,
        "route, CPU µs": routes_made_anew(one),
        "memory_mb": round(memory_mb(one.pids)),
        **dict.fromkeys(absent, "not measured"),
    }


if __name__ == "__main__":
    sys.exit(main())
