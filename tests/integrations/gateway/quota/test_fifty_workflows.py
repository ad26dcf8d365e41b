"""Fifty workflows in three web processes share one quota; the upstream's own counter is the judge."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fake_upstream import FakeUpstream
from tests.integrations.gateway.test_processes import SETUP, shell
from tests.live import LiveKeylodge

pytestmark = pytest.mark.processes

LIMIT, WINDOW_S, WORKFLOWS = 190, 10.0, 50
TOKENS = """
import json
from integrations import tokens
from integrations.models import Connection
from secrets_vault.actor import COMMAND
connection = Connection.objects.get(slug="acme-fake")
made = [tokens.make(connection.client, f"Workflow {n}", [connection], actor=COMMAND)[1] for n in range(int(input()))]
print(json.dumps([text.expose() for text in made]))
"""
# On PostgreSQL the processes agree by way of Valkey or of the database; on SQLite only the latter is there.
LEDGERS = {"valkey": {}, "database": {"CACHE_URL": ""}} if "DATABASE_URL" in os.environ else {"database": {}}


@dataclass
class Judge:
    """Answers as HubSpot does: 190 calls in any ten seconds, the rest 429; it says in its headers what is left."""

    arrived: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, sock, request: bytes) -> None:
        with self.lock:
            now = time.monotonic()
            left = LIMIT - (len(self.arrived) - bisect_right(self.arrived, now - WINDOW_S))
            if left > 0:
                self.arrived.append(now)
            else:
                self.refused.append(now)
        status = b"200 OK" if left > 0 else b"429 Too Many Requests"
        head = b"RateLimit: limit=%d, remaining=%d, reset=10\r\nRateLimit-Policy: %d;w=10\r\n"
        sock.sendall(
            b"HTTP/1.1 %b\r\n%bContent-Length: 2\r\n\r\nok" % (status, head % (LIMIT, max(0, left - 1), LIMIT))
        )


class Workflow(threading.Thread):
    """Calls without pause over a connection of its own, until it is told to stop."""

    def __init__(self, port: int, text: str, *, stop_at: float) -> None:
        super().__init__(daemon=True)
        self.port, self.text, self.stop_at = port, text, stop_at
        self.statuses: Counter[int] = Counter()

    def run(self) -> None:
        """Call until the time is over."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.text}"}
        while time.monotonic() < self.stop_at:
            connection.request("GET", "/gateway/acme-fake/things", headers=headers)
            answer = connection.getresponse()
            answer.read()
            self.statuses[answer.status] += 1
        connection.close()


def fifty(home: Path, *, seconds: float, **variables: str) -> tuple[Judge, list[Workflow], float]:
    """Let fifty workflows call for a while; return the judge, the workflows, and how many calls the quota allowed."""
    judge = Judge()
    with FakeUpstream() as upstream:
        upstream.answers = [judge]
        more = {"KEYLODGE_ALLOWED_PRIVATE_HOSTS": upstream.host, "KEYLODGE_WEB_PROCESSES": "3"}
        live = LiveKeylodge(home, **more, **variables).wait_until_started()
        try:
            shell(live, SETUP, json.dumps([upstream.url, "sk-real"]))
            texts = json.loads(shell(live, TOKENS, str(WORKFLOWS)))
            began = time.monotonic()
            workflows = [Workflow(live.port, text, stop_at=began + seconds) for text in texts]
            for workflow in workflows:
                workflow.start()
            time.sleep(seconds)
            arrived = len(judge.arrived)
            took_s = time.monotonic() - began
            for workflow in workflows:
                workflow.join(60)
        finally:
            live.stop()
    return judge, workflows, arrived / (LIMIT * took_s / WINDOW_S)


def judged(judge: Judge, workflows: list[Workflow], used: float) -> None:
    """Check what was promised."""
    statuses = sum((workflow.statuses for workflow in workflows), Counter())
    calls = sorted(workflow.statuses[200] for workflow in workflows)
    refused = [round(at - judge.arrived[0], 2) for at in judge.refused]
    print(f"used {used:.1%} of the quota; refused at {refused}; {dict(statuses)}; by token {calls}")
    assert not judge.refused
    assert set(statuses) == {200}
    assert used >= 0.95
    assert calls[0] >= 0.5 * sum(calls) / WORKFLOWS


@pytest.mark.parametrize("ledger", LEDGERS)
def test_fifty_workflows_over_three_processes(tmp_path, ledger):
    judged(*fifty(tmp_path / "home", seconds=16, **LEDGERS[ledger]))


@pytest.mark.soak
@pytest.mark.parametrize("ledger", LEDGERS)
def test_fifty_workflows_for_ten_minutes(tmp_path, ledger):
    judged(*fifty(tmp_path / "home", seconds=600, **LEDGERS[ledger]))
