"""The limits of a gateway token hold for all web processes together."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fake_upstream import OK, FakeUpstream
from tests.integrations.gateway.test_processes import SETUP, shell
from tests.live import LiveKeylodge

pytestmark = pytest.mark.processes

LIMIT, CALLS = 10, 40
LIMITED = """
import json
from integrations import tokens
from integrations.models import Connection
from secrets_vault.actor import COMMAND
limits = json.loads(input())
connection = Connection.objects.get(slug="acme-fake")
name = f"{limits} {connection.gateway_tokens.count()}"
print(tokens.make(connection.client, name, [connection], actor=COMMAND, **limits)[1].expose())
"""


@pytest.fixture(scope="module")
def upstream():
    """Yield an upstream that always answers."""
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def live(tmp_path_factory, upstream):
    """Yield an installation with two web processes."""
    home = tmp_path_factory.mktemp("home")
    running = LiveKeylodge(home, KEYLODGE_ALLOWED_PRIVATE_HOSTS=upstream.host, KEYLODGE_WEB_PROCESSES="2")
    running.wait_until_started()
    shell(running, SETUP, json.dumps([upstream.url, "sk-real"]))
    yield running
    running.stop()


def switches(live) -> list[int]:
    """Return how often the threads of each web process have been given the CPU: it moves with every call."""
    webs = [pid for pid in live.children() if b"web" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
    tasks = [list(Path(f"/proc/{pid}/task").glob("*/schedstat")) for pid in webs]
    return [sum(int(task.read_text().split()[2]) for task in of_one) for of_one in tasks]


def ask(live, text: str) -> int:
    """Make one call on a connection of its own, which the kernel gives to either process; return its status."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    try:
        connection.request("GET", "/gateway/acme-fake/things", headers={"Authorization": f"Bearer {text}"})
        return connection.getresponse().status
    finally:
        connection.close()


def asked(live, text: str) -> list[int]:
    """Make forty calls, four at a time."""
    with ThreadPoolExecutor(4) as threads:
        return sorted(threads.map(lambda _: ask(live, text), range(CALLS)))


def test_calls_of_two_processes_keep_their_distance(live, upstream):
    gap_s, calls, arrivals = 0.4, 10, []

    def note(sock, request):
        arrivals.append(time.monotonic())
        sock.sendall(OK)

    text, before = shell(live, LIMITED, json.dumps({"min_gap_s": gap_s})), switches(live)
    upstream.answers = [note]
    made_at = time.monotonic()
    try:
        with ThreadPoolExecutor(calls) as threads:
            statuses = list(threads.map(lambda _: ask(live, text), range(calls)))
    finally:
        upstream.answers = [OK]
    assert statuses == [200] * calls
    # A busy machine notes an arrival late, never early: so each is compared with the moment at which all were made.
    after_s = [at - made_at for at in sorted(arrivals)]
    assert all(at_s > n * gap_s * 0.98 for n, at_s in enumerate(after_s)), after_s
    assert min(after - earlier for after, earlier in zip(switches(live), before, strict=True)) > 1


@pytest.mark.parametrize("window", ["per_minute", "per_day", "max_uses"])
def test_two_processes_let_exactly_so_many_calls_pass(live, upstream, window):
    for _ in range(3):
        text = shell(live, LIMITED, json.dumps({window: LIMIT}))
        upstream.requests.clear()
        before, began = switches(live), datetime.now(UTC)
        statuses = asked(live, text)
        if datetime.now(UTC).minute == began.minute:  # else a new window began in the middle: once more
            break
    assert statuses == [200] * LIMIT + [429] * (CALLS - LIMIT)
    assert len(upstream.requests) == LIMIT
    moved = [after - earlier for after, earlier in zip(switches(live), before, strict=True)]
    assert len(moved) == 2
    assert min(moved) > CALLS / 4, f"one process answered nearly all: {moved}"
