"""A provider that goes away for a while, and keeps a quota: its own counters are the judge."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.live import LiveKeylodge
from tests.own_postgres import OwnPostgres

QUOTA, WINDOW_S = 190, 10
AWAY_AGAIN_S = 2.0
KEPT_WITHIN_S = 90.0


@dataclass
class Provider:
    """What arrived: every request's body and key in turn, those that took effect, and how many were over the quota."""

    is_away: bool = False
    arrived: list[tuple[str, str, str]] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)
    over_quota: int = 0
    away_asked: int = 0
    first_at: float = 0.0
    done_at: float = 0.0
    _seen: set[str] = field(default_factory=set)
    _window: tuple[int, int] = (0, 0)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Provider:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body leave together: apart, the second waits 40 ms for the first's ACK

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                status, headers = provider.take(self.path, body, self.headers.get("idempotency-key", ""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def take(self, path: str, body: str, key: str) -> tuple[int, dict[str, str]]:
        """Answer one request and note it."""
        with self._lock:
            if self.is_away:
                self.away_asked += 1
                return 503, {}
            now = time.time()
            start = int(now // WINDOW_S)
            used = self._window[1] if self._window[0] == start else 0
            told = {"x-ratelimit-limit": str(QUOTA), "x-ratelimit-reset": str((start + 1) * WINDOW_S)}
            if used >= QUOTA:
                self.over_quota += 1
                return 429, told | {"x-ratelimit-remaining": "0", "retry-after": str(WINDOW_S)}
            self._window = (start, used + 1)
            self.arrived.append((path, body, key))
            if not key or key not in self._seen:
                self._seen.add(key)
                self.effects.append((path, body))
                self.done_at = time.monotonic()
                self.first_at = self.first_at or self.done_at
            return 200, told | {"x-ratelimit-remaining": str(QUOTA - used - 1)}

    def of(self, path: str) -> list[str]:
        """Return the bodies that took effect at a path, in turn."""
        return [body for at, body in self.effects if at.endswith(path)]


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
host, key = json.loads(input())
client = Client.objects.create(slug="acme", name="Acme")
env = Environment.objects.create(client=client, slug="production", is_production=True)
made = []
for slug, keyed in (("acme-keyed", True), ("acme-plain", False)):
    table = {"base_url": f"http://{host}/{slug}"}
    facts = custom_from(table, key=f"custom-{slug}", name=slug, today=date(2026, 11, 22))
    if keyed:
        facts["idempotency"] = {"header": "Idempotency-Key", "max_length": 255, "methods": ["POST"]}
    CustomProvider.objects.create(key=f"custom-{slug}", name=slug, facts=facts)
    stored = vault.store(actor=COMMAND, client=client, environment=env, kind="api_key", label=slug,
                         fields={"api_key": Secret(key)}, policy=vault.Policy((host,), ("header:authorization",)))
    made.append(Connection.objects.create(slug=slug, client=client, environment=env, provider_key=f"custom-{slug}",
                                          kind="api_key", secret=stored, status="connected"))
token, text = tokens.make(client, "n8n", made, actor=COMMAND)
print(text.expose())
"""
STATES = """
import json
from django.db.models import Count
from integrations.models import HeldCall
rows = HeldCall.objects.order_by().values_list("connection__slug", "state").annotate(n=Count("pk"))
print(json.dumps([list(row) for row in rows]))
"""


def shell(live: LiveKeylodge, code: str, stdin: str = "") -> str:
    """Run code in another process of the installation."""
    done = live.command("shell", "-v0", "--no-imports", "-c", code, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def states(live: LiveKeylodge) -> dict[str, dict[str, int]]:
    """Return how many calls of each connection are in which state."""
    found: dict[str, dict[str, int]] = {}
    for slug, state, n in json.loads(shell(live, STATES)):
        found.setdefault(slug, {})[state] = n
    return found


def kill(live: LiveKeylodge, name: str) -> int:
    """Kill every child of this name as the power does; return how many there were."""
    count = 0
    for pid in live.children():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0" + name.encode() + b"\0"):
                os.kill(pid, signal.SIGKILL)
                count += 1
    return count


@dataclass
class Killing:
    """Kills processes as the power does, and counts them; the database comes back after some seconds."""

    live: LiveKeylodge
    database: OwnPostgres | None
    count: int = 0
    _starting: list[threading.Timer] = field(default_factory=list)

    def plan(self, *names: str) -> KillingPlan:
        """Return a plan by which these are killed one after the other, evenly over the way."""
        return KillingPlan(self, [(number / (len(names) + 1), name) for number, name in enumerate(names, 1)])

    def kill(self, name: str) -> None:
        """Kill every process of this name. On SQLite there is none of a database."""
        if name != "database":
            self.count += kill(self.live, name)
        elif self.database is not None:
            self.count += self.database.kill() > 0
            self._starting.append(threading.Timer(AWAY_AGAIN_S, self.database.start))
            self._starting[-1].start()

    def settled(self) -> None:
        """Wait until the database is there again."""
        for timer in self._starting:
            timer.join(60)


@dataclass
class KillingPlan:
    """At which share of a way which process is killed, those that are still to be."""

    killing: Killing
    left: list[tuple[float, str]]

    def at(self, share: float) -> None:
        """Kill those whose time has come."""
        while self.left and self.left[0][0] <= share:
            self.killing.kill(self.left.pop(0)[1])


class Caller:
    """An automation that makes one call after the other, and makes one again under its key when it heard nothing."""

    def __init__(self, live: LiveKeylodge, token: str) -> None:
        self._live, self._token = live, token
        self._open: http.client.HTTPConnection | None = None
        self.statuses: dict[int, int] = {}
        self.lost = 0

    def until_kept(self, slug: str, number: int, *, queue: str = "on-failure") -> None:
        """Make one call until it is kept: again where nobody answers, or the answer is that the database is away."""
        ends = time.monotonic() + KEPT_WITHIN_S
        while (status := self._answer(slug, number, queue)) != 202:
            assert status in (None, 503), f"call {number} was answered {status}"
            assert time.monotonic() < ends, f"call {number} was not kept"
            time.sleep(0.1)

    def _answer(self, slug: str, number: int, queue: str) -> int | None:
        """Return the status of one call, None where its answer was lost."""
        try:
            return self._once(slug, number, queue)
        except (OSError, http.client.HTTPException):
            self.lost += 1
            self._open = None
            return None

    def _once(self, slug: str, number: int, queue: str) -> int:
        if self._open is None:
            self._open = http.client.HTTPConnection("127.0.0.1", self._live.port, timeout=60)
        headers: dict[str, Any] = {
            "authorization": f"Bearer {self._token}",
            "x-keylodge-queue": queue,
            "x-keylodge-idempotency-key": f"{slug}-{number}",
            "content-type": "text/plain",
        }
        self._open.request("POST", f"/gateway/{slug}/orders", f"{number:06}", headers)
        answer = self._open.getresponse()
        answer.read()
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return answer.status
