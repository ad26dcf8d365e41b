"""Forwarding as `make run` starts it: the worker is killed at the worst moments, and nothing is lost or seen twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canaries import Net, canary, contents_below
from tests.fake_upstream import OK, FakeUpstream
from tests.integrations.webhooks.senders import SECRET, SIGNED_ID, body_of
from tests.integrations.webhooks.test_processes import database, post
from tests.live import LiveKeylodge

pytestmark = [pytest.mark.processes, pytest.mark.matrix]  # the leases are one statement on either engine

CAPABILITY, PAYLOAD = canary("capability-"), canary("payload-")
SETUP = """
import json
from integrations.models import WebhookEndpoint
from integrations.webhooks import targets
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
                                          custom=custom, secret=stored)
targets.make(endpoint, Secret(url), actor=COMMAND)
"""
STATES = "SELECT state, count(*) FROM integrations_webhookdelivery GROUP BY state"
EVENTS = "SELECT id, event_key FROM integrations_webhookevent"
# What a minute does: the leases of workers that are no more run out.
AGED = "UPDATE integrations_webhookdelivery SET lease_until = '2026-01-01 00:00:00+00:00' WHERE state = 'sending'"


class Receiver(FakeUpstream):
    """A workflow that takes each event once: it drops by `webhook-id` what it has seen."""

    def __init__(self) -> None:
        super().__init__(self.take)
        self.arrived: Counter[str] = Counter()
        self.taken: list[str] = []
        self.attempts: dict[str, list[str]] = {}
        self.holds = threading.Event()
        self.holds.set()
        self._taking = threading.Lock()

    def take(self, sock: socket.socket, request: bytes) -> None:
        """Take an event, and answer it unless told to hold back."""
        head = request.partition(b"\r\n\r\n")[0].decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:])
        event_id = headers["webhook-id"]
        with self._taking:
            self.arrived[event_id] += 1
            self.attempts.setdefault(event_id, []).append(headers["webhook-attempt"])
            if event_id not in self.taken:
                self.taken.append(event_id)
        self.holds.wait(30)
        sock.sendall(OK)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Yield the workflow."""
    with Receiver() as made:
        yield made


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[LiveKeylodge]:
    """Yield one installation whose endpoint hands on to the workflow."""
    running = LiveKeylodge(tmp_path_factory.mktemp("home"), KEYLODGE_ALLOWED_PRIVATE_HOSTS=receiver.host)
    running.wait_until_started()
    given = json.dumps([SIGNED_ID, SECRET, f"{receiver.url}/webhook/{CAPABILITY}"])
    done = running.command("shell", "-v0", "--no-imports", "-c", SETUP, stdin=given)
    assert done.returncode == 0, done.stderr
    yield running
    running.stop()


def worker(live: LiveKeylodge) -> int | None:
    """Return the id of the worker's process, None while there is none."""
    for pid in live.children():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0worker\0"):
                return pid
    return None


def kill_worker(live: LiveKeylodge) -> None:
    """Kill the worker outright."""
    pid = live.wait_for(lambda: worker(live), "a worker")
    os.kill(pid, signal.SIGKILL)


def asked(live: LiveKeylodge, sql: str) -> list[tuple[object, ...]]:
    """Ask the installation's database, or change it."""
    with contextlib.closing(database(live)) as connection:
        found = connection.execute(sql)
        rows = found.fetchall() if found.description else []
        connection.commit()
        return rows


def are_delivered(live: LiveKeylodge, count: int) -> bool:
    """Tell whether there are so many deliveries, and all are delivered."""
    return dict(asked(live, STATES)) == {"delivered": count}


@contextlib.contextmanager
def nothing_can_be_written(live: LiveKeylodge) -> Iterator[None]:
    """Hold the database's lock."""
    with contextlib.closing(database(live)) as connection:
        if "DATABASE_URL" in live.environment:
            connection.execute("LOCK TABLE integrations_webhookdelivery IN ACCESS EXCLUSIVE MODE")
        else:
            connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()


def test_an_event_is_handed_on_within_moments(live, receiver):
    began_s = time.monotonic()

    assert post(live, body_of("evt_first", note=PAYLOAD)) == 200

    live.wait_for(lambda: receiver.taken, "the event", within_s=10)
    assert time.monotonic() - began_s < 5
    live.wait_for(lambda: are_delivered(live, 1), "the record")


def test_killed_between_forward_and_record_it_goes_again_with_the_same_id(live, receiver):
    receiver.holds.clear()
    assert post(live, body_of("evt_killed")) == 200
    live.wait_for(lambda: len(receiver.taken) == 2, "the event")
    with nothing_can_be_written(live):
        receiver.holds.set()
        time.sleep(0.5)  # the worker has its 200 now, and waits to write it down
        kill_worker(live)
    assert dict(asked(live, STATES)) == {"delivered": 1, "sending": 1}

    asked(live, AGED)

    live.wait_for(lambda: are_delivered(live, 2), "the delivery", within_s=40)
    event_id = receiver.taken[1]
    assert receiver.arrived[event_id] == 2
    assert receiver.attempts[event_id] == ["1", "2"]
    assert len(receiver.taken) == 2


def test_killed_between_store_and_forward_nothing_is_lost(live, receiver):
    accepted, is_over = [], threading.Event()

    def send(name: int) -> None:
        count = 0
        while not is_over.is_set():
            count += 1
            if post(live, body_of(f"evt_{name}_{count}")) == 200:
                accepted.append(f"evt_{name}_{count}")
            time.sleep(0.02)

    senders = [threading.Thread(target=send, args=(name,)) for name in range(3)]
    for sender in senders:
        sender.start()
    live.wait_for(lambda: len(accepted) > 20, "twenty events")
    for _ in range(3):
        time.sleep(0.6)
        kill_worker(live)
    is_over.set()
    for sender in senders:
        sender.join()
    asked(live, AGED)

    live.wait_for(lambda: are_delivered(live, len(accepted) + 2), "every event", within_s=50)
    stored = {str(row[0]).replace("-", ""): row[1] for row in asked(live, EVENTS)}
    taken = Counter(stored[event_id.replace("-", "")] for event_id in receiver.taken)
    assert set(accepted) <= set(taken)
    assert set(taken.values()) == {1}


def test_no_file_or_line_of_it_all_holds_the_payload_or_the_address(live):
    net = Net({"payload": PAYLOAD, "capability": CAPABILITY, "secret": SECRET})
    files = contents_below(live.home)

    found = [hit for path, content in files.items() for hit in net.found_in(path.name, content)]

    assert files
    assert found + net.found_in("the log", live.output) == []


def test_a_worker_that_is_asked_to_stop_writes_down_what_is_under_way(live, receiver):
    receiver.holds.clear()
    before = len(receiver.taken)
    assert post(live, body_of("evt_last")) == 200
    live.wait_for(lambda: len(receiver.taken) > before, "the event")
    stopping = threading.Thread(target=live.stop)
    stopping.start()
    time.sleep(1.0)
    receiver.holds.set()
    stopping.join()

    assert set(dict(asked(live, STATES))) == {"delivered"}
    assert "Traceback" not in live.output
