"""One call through the gateway, beside nginx with a fixed header where it is installed, and a direct call.

Run it with `python -m benchmarks.gateway`. The ways are interleaved; medians over the rounds. CPU is
that of the process in the middle (for the direct call there is none), wall time is the caller's.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.fake_upstream import FakeUpstream
from tests.live import LiveKeylodge, free_port

ROUNDS = 7
CALLS = 300
TICKS = os.sysconf("SC_CLK_TCK")
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
url = input()
client = Client.objects.create(slug="acme", name="Acme")
env = Environment.objects.create(client=client, slug="production", is_production=True)
facts = custom_from({"base_url": url}, key="custom-fake", name="Fake", today=date(2026, 11, 22))
CustomProvider.objects.create(key="custom-fake", name="Fake", facts=facts)
stored = vault.store(actor=COMMAND, client=client, environment=env, kind="api_key", label="k",
                     fields={"api_key": Secret("sk-real-0123456789abcdef")},
                     policy=vault.Policy((url.split("//")[1],), ("header:authorization",)))
made = Connection.objects.create(slug="acme-fake", client=client, environment=env, provider_key="custom-fake",
                                 kind="api_key", secret=stored, status="connected")
print(tokens.make(client, "bench", [made], actor=COMMAND)[1].expose())
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


def cpu_s(pids: list[int]) -> float:
    """Return the CPU seconds that these processes have used."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def calls(port: int, path: str, headers: dict[str, str]) -> float:
    """Make the calls of a round on one connection; return µs of wall time a call."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    started = time.perf_counter()
    for _ in range(CALLS):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    connection.close()
    return (time.perf_counter() - started) / CALLS * 1e6


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


def main() -> None:
    """Measure and print one JSON line."""
    folder = Path(tempfile.mkdtemp(prefix="keylodge-bench-"))
    upstream = FakeUpstream()
    live = LiveKeylodge(folder / "home", KEYLODGE_ALLOWED_PRIVATE_HOSTS=upstream.host).wait_until_started()
    nginx = start_nginx(folder, upstream.host)
    try:
        token = live.command("shell", "-v0", "--no-imports", "-c", SETUP, stdin=upstream.url).stdout.strip()
        bearer = {"Authorization": f"Bearer {token}"}
        ways: dict[str, tuple[Callable[[], float], list[int]]] = {
            "direct": (lambda: calls(upstream.port, "/things", {}), []),
            "keylodge": (lambda: calls(live.port, "/gateway/acme-fake/things", bearer), web_process(live)),
        }
        if nginx is not None:
            process, port = nginx
            ways["nginx"] = (lambda: calls(port, "/things", {}), [process.pid, *children(process.pid)])
        print(json.dumps(measured(ways), indent=2))
    finally:
        live.stop()
        if nginx is not None:
            nginx[0].send_signal(signal.SIGQUIT)
            nginx[0].wait(10)
        upstream.close()
        shutil.rmtree(folder, ignore_errors=True)


def measured(ways: dict[str, tuple[Callable[[], float], list[int]]]) -> dict[str, object]:
    """Return the medians of each way, in µs a call."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    for name, (way, _) in ways.items():
        way()  # once to warm up
        assert name
    for _ in range(ROUNDS):
        for name, (way, pids) in ways.items():
            before = cpu_s(pids)
            wall[name].append(way())
            cpu[name].append((cpu_s(pids) - before) / CALLS * 1e6)
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": os.getloadavg()[0],
        "calls": CALLS * ROUNDS,
        "threads": threading.active_count(),
        "wall_us": {name: round(statistics.median(values)) for name, values in wall.items()},
        "cpu_us": {name: round(statistics.median(values)) for name, values in cpu.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
