"""One call through the gateway, beside nginx with a fixed header where it is installed, and a direct call.

Run it with `python -m benchmarks.gateway`. The ways are interleaved; medians over the rounds. CPU is
that of the process in the middle (for the direct call there is none), wall time is the caller's.
Absolute figures drift with the machine and its load; the ratios, each taken within one round, hold.

`changed` counts the generation up before every call, as any change anywhere in the installation does;
`cold` uses a gateway token that this process has never seen.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.fake_upstream import FakeUpstream
from tests.live import LiveKeylodge, free_port

ROUNDS = 7
CALLS = 600
COLD_CALLS = 100
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
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{ access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream up {{ server {upstream}; keepalive 8; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
                  proxy_set_header Authorization "Bearer sk-real"; }} }} }}
"""


def cpu_us(pids: list[int]) -> float:
    """Return the CPU time that the threads of these processes have used, as the scheduler counts it."""
    threads = [file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(file.read_text().split()[0]) for file in threads) / 1000


def calls(port: int, path: str, each: Iterable[dict[str, str]]) -> float:
    """Make a call with each of these headers on one connection; return µs of wall time a call."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    started, made = time.perf_counter(), 0
    for headers in each:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        made += 1
    connection.close()
    return (time.perf_counter() - started) / made * 1e6


def bearer(token: str) -> dict[str, str]:
    """Return the headers of a call with this gateway token."""
    return {"Authorization": f"Bearer {token}"}


def counting_up(home: Path, headers: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield the headers of a round, and count the generation up before each call."""
    with (home / "generation").open("r+b", buffering=0) as counter:
        for _ in range(CALLS):
            number = struct.unpack("<Q", os.pread(counter.fileno(), 8, 0))[0]
            os.pwrite(counter.fileno(), struct.pack("<Q", number + 1), 0)
            yield headers


def start_nginx(folder: Path, upstream: str) -> tuple[subprocess.Popen[bytes], int] | None:
    """Return a running nginx and its port, or None where it is not installed."""
    found = shutil.which("nginx")
    if found is None:
        return None
    port = free_port()
    (folder / "conf").write_text(NGINX.format(folder=folder, upstream=upstream, port=port))
    process = subprocess.Popen([found, "-p", str(folder), "-c", str(folder / "conf")])
    time.sleep(1)
    return process, port


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def web_process(live: LiveKeylodge) -> list[int]:
    """Return the web child of the supervisor."""
    return [pid for pid in live.children() if b"web" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]


@dataclass(frozen=True)
class Way:
    """One way to the upstream: what makes the calls of a round, how many, and whose CPU counts."""

    run: Callable[[], float]
    pids: list[int]
    calls: int = CALLS


def main() -> None:
    """Measure and print one JSON line."""
    folder = Path(tempfile.mkdtemp(prefix="keylodge-bench-"))
    upstream = FakeUpstream()
    live = LiveKeylodge(folder / "home", KEYLODGE_ALLOWED_PRIVATE_HOSTS=upstream.host).wait_until_started()
    nginx = start_nginx(folder, upstream.host)
    try:
        ways = {"direct": Way(lambda: calls(upstream.port, "/things", [{}] * CALLS), [])}
        if nginx is not None:
            process, port = nginx
            pids = [process.pid, *children(process.pid)]
            ways["nginx"] = Way(lambda: calls(port, "/things", [{}] * CALLS), pids)
        print(json.dumps(measured(ways | ways_through(live, upstream)), indent=2))
    finally:
        live.stop()
        if nginx is not None:
            nginx[0].send_signal(signal.SIGQUIT)
            nginx[0].wait(10)
        upstream.close()
        shutil.rmtree(folder, ignore_errors=True)


def ways_through(live: LiveKeylodge, upstream: FakeUpstream) -> dict[str, Way]:
    """Return the ways through the gateway: one known token, the same with something changed, tokens never seen."""
    wanted = json.dumps([upstream.url, 1 + (ROUNDS + 1) * COLD_CALLS])
    made = live.command("shell", "-v0", "--no-imports", "-c", SETUP, stdin=wanted)
    known, *unseen = (bearer(token) for token in json.loads(made.stdout))
    never_seen = iter(unseen)
    path, pids = "/gateway/acme-fake/things", web_process(live)
    return {
        "keylodge": Way(lambda: calls(live.port, path, [known] * CALLS), pids),
        "changed": Way(lambda: calls(live.port, path, counting_up(live.home, known)), pids),
        "cold": Way(lambda: calls(live.port, path, islice(never_seen, COLD_CALLS)), pids, COLD_CALLS),
    }


def measured(ways: dict[str, Way]) -> dict[str, object]:
    """Return the medians of each way in µs a call, and of the ratios within each round."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way.run()  # once to warm up
    for _ in range(ROUNDS):
        for name, way in ways.items():
            before = cpu_us(way.pids)
            wall[name].append(way.run())
            cpu[name].append((cpu_us(way.pids) - before) / way.calls)
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": os.getloadavg()[0],
        "calls": CALLS * ROUNDS,
        "wall_us": {name: round(statistics.median(values)) for name, values in wall.items()},
        "cpu_us": {name: round(statistics.median(values)) for name, values in cpu.items()},
        "wall keylodge/direct": ratio(wall, "keylodge", "direct"),
        "wall keylodge/nginx": ratio(wall, "keylodge", "nginx"),
        "cpu keylodge/nginx": ratio(cpu, "keylodge", "nginx"),
        "cpu cold/keylodge": ratio(cpu, "cold", "keylodge"),
    }


def ratio(figures: dict[str, list[float]], above: str, below: str) -> float | None:
    """Return the median of one way's figure over another's, round by round; None where a way is missing."""
    if below not in figures:
        return None
    return round(statistics.median(a / b for a, b in zip(figures[above], figures[below], strict=True)), 2)


if __name__ == "__main__":
    sys.exit(main())
