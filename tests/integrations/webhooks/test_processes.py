"""The inlet as `make run` starts it, with three web processes: one event of a hundred copies, and none lost."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.canaries import Net, canary, contents_below
from tests.engines import only_on_sqlite
from tests.integrations.webhooks.senders import SECRET, SIGNED_ID, body_of, signed
from tests.live import LiveKeylodge

pytestmark = pytest.mark.processes
ON_SQLITE = only_on_sqlite("this fault is one of SQLite's files")

WEB_PROCESSES = 3
CAPABILITY = canary("capability-")
SETUP = """
import json
from integrations.models import WebhookEndpoint, WebhookTarget
from integrations.webhooks import sealing
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client, Environment
from secrets_vault.secret import Secret
custom, secret, url = json.loads(input())
client = Client.objects.create(slug="acme", name="Acme")
env = Environment.objects.create(client=client, slug="production", is_production=True)
stored = vault.store(actor=COMMAND, client=client, environment=env, kind="webhook_secret", label="w",
                     fields={"secret": Secret(secret)})
endpoint = WebhookEndpoint.objects.create(slug="acme", client=client, environment=env, scheme_key="custom",
                                          custom=custom, secret=stored, is_forwarding_paused=True)
target = WebhookTarget(endpoint=endpoint)
sealing.seal_url(target, Secret(url), client=client)
target.save()
"""
KEYS = "SELECT event_key, duplicates FROM integrations_webhookevent WHERE verdict = 'accepted'"
DELIVERIES = "SELECT count(*) FROM integrations_webhookdelivery"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKeylodge]:
    """Yield one installation with three web processes and an endpoint whose forwarding is paused."""
    running = LiveKeylodge(tmp_path_factory.mktemp("home"), KEYLODGE_WEB_PROCESSES=str(WEB_PROCESSES))
    running.wait_until_started()
    url = f"https://n8n.example/webhook/{CAPABILITY}"
    given = json.dumps([SIGNED_ID, SECRET, url])
    done = running.command("shell", "-v0", "--no-imports", "-c", SETUP, stdin=given)
    assert done.returncode == 0, done.stderr
    yield running
    running.stop()


def post(live: LiveKeylodge, body: bytes, *, chunks: list[bytes] | None = None, secret: str = SECRET) -> int:
    """Post a request, signed now, over a connection of its own; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    headers = {name.decode(): value.decode() for name, value in signed(body, at=datetime.now(UTC), secret=secret)}
    try:
        sent: Any = iter(chunks) if chunks else body
        connection.request("POST", "/hooks/acme", sent, headers, encode_chunked=bool(chunks))
        return connection.getresponse().status
    finally:
        connection.close()


def stored(live: LiveKeylodge) -> tuple[dict[str, int], int]:
    """Return how often each stored event came again, and how many deliveries there are."""
    with contextlib.closing(database(live)) as connection:
        keys = dict(connection.execute(KEYS).fetchall())
        return keys, connection.execute(DELIVERIES).fetchone()[0]


def database(live: LiveKeylodge) -> Any:
    """Return a connection to the installation's database."""
    if url := live.environment.get("DATABASE_URL"):
        import psycopg

        return psycopg.connect(url)
    return sqlite3.connect(live.home / "keylodge.sqlite3", timeout=20)


def web_pids(live: LiveKeylodge) -> list[int]:
    """Return the ids of the web processes."""
    lines = {}
    for pid in live.children():
        with contextlib.suppress(OSError):
            lines[pid] = Path(f"/proc/{pid}/cmdline").read_bytes()
    return [pid for pid, line in lines.items() if line.endswith(b"\0web\0")]


def is_up(live: LiveKeylodge) -> bool:
    """Tell whether as many web processes as there should be are there, and somebody answers."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return len(web_pids(live)) == WEB_PROCESSES and post(live, b"", secret="another-secret") == 401
    return False


def test_a_hundred_copies_over_three_processes_are_one_event(live):
    body = body_of("evt_hundred")
    assert len(web_pids(live)) == WEB_PROCESSES

    with ThreadPoolExecutor(100) as senders:
        statuses = list(senders.map(lambda _: post(live, body), range(100)))

    keys, deliveries = stored(live)
    assert statuses == [200] * 100
    assert keys["evt_hundred"] == 99
    assert deliveries == len(keys)


def test_a_chunked_body_arrives_whole(live):
    body = body_of("evt_chunked", text="x" * 300_000)
    chunks = [body[at : at + 7000] for at in range(0, len(body), 7000)]

    assert post(live, body, chunks=chunks) == 200
    assert "evt_chunked" in stored(live)[0]


def test_what_was_answered_200_survives_killed_processes(live):
    accepted: list[str] = []
    is_over = threading.Event()

    def send(name: int) -> None:
        count = 0
        while not is_over.is_set():
            count += 1
            key = f"evt_kill_{name}_{count}"
            with contextlib.suppress(OSError, http.client.HTTPException):
                if post(live, body_of(key)) == 200:
                    accepted.append(key)

    senders = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for sender in senders:
        sender.start()
    live.wait_for(lambda: len(accepted) > 20, "twenty events")
    for _ in range(3):
        time.sleep(0.7)
        for pid in web_pids(live)[:2]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    is_over.set()
    for sender in senders:
        sender.join()
    live.wait_for(lambda: is_up(live), "the web processes")

    keys, deliveries = stored(live)
    assert set(accepted) <= set(keys)
    assert deliveries == len(keys)


@ON_SQLITE
def test_a_locked_database_is_503_and_heals(live):
    body = body_of("evt_locked")
    with contextlib.closing(sqlite3.connect(live.home / "keylodge.sqlite3", isolation_level=None, timeout=20)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert post(live, body) == 503
        assert time.monotonic() - began < 5
        other.execute("ROLLBACK")

    live.wait_for(lambda: post(live, body) == 200, "an answer of 200")
    assert stored(live)[0]["evt_locked"] >= 0


@ON_SQLITE
def test_a_full_disk_is_503_and_heals(live):
    body = body_of("evt_full", text="x" * 200_000)
    pids = web_pids(live)
    limits = resource.prlimit(pids[0], resource.RLIMIT_FSIZE)
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        assert {post(live, body) for _ in range(6)} == {503}
        assert "evt_full" not in stored(live)[0]
    finally:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

    assert post(live, body) == 200
    assert sorted(web_pids(live)) == sorted(pids)


def test_no_file_or_line_of_an_installation_holds_a_payload(live):
    canaries = {"payload": canary(), "refused": canary(), "secret": SECRET, "capability": CAPABILITY}
    assert post(live, body_of("evt_canary", note=canaries["payload"])) == 200
    assert post(live, body_of("evt_forged", note=canaries["refused"]), secret="another-secret") == 401

    net = Net(canaries)
    files = contents_below(live.home)
    found = [hit for path, content in files.items() for hit in net.found_in(path.name, content)]
    assert len(files) > 3
    assert found + net.found_in("the log", live.output) == []
