"""Promises R2, R7, R8 and R10 of a running installation: nothing is lost or repeated when something breaks."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from tests.engines import only_on_sqlite
from tests.fake_upstream import OK, FakeUpstream
from tests.faults.installation import Installation

pytestmark = [
    pytest.mark.processes,
    only_on_sqlite("these faults are those of SQLite and its files"),
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """Yield one installation for all faults here; each leaves it working."""
    with FakeUpstream() as upstream:
        made = Installation(tmp_path_factory.mktemp("faults"), upstream)
        yield made
        made.live.stop()


@pytest.fixture(autouse=True)
def _all_well(installation):
    installation.upstream.answers = [OK]
    installation.upstream.requests.clear()


@contextlib.contextmanager
def locked(path: Path, *, for_s: float):
    """Hold the write lock of a SQLite file from another connection, for a while."""
    held = threading.Event()

    def hold() -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            held.set()
            time.sleep(for_s)
            writer.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(20)
    yield
    holder.join()


def test_a_killed_web_process_loses_at_most_the_last_rows_and_repeats_nothing(installation):
    asked = [installation.call()[1]["x-keylodge-request-id"].replace("-", "") for _ in range(20)]
    installation.live.wait_for(lambda: asked[-1] in installation.logged(), "the rows of an idle moment", within_s=20)
    installation.kill_web()
    assert set(asked) <= installation.logged()
    assert len(installation.upstream.requests) == 20


def test_a_payment_under_way_when_the_web_process_is_killed_is_not_sent_again(installation):
    released = threading.Event()
    installation.upstream.answers = [lambda sock, request: released.wait(30)]

    def pay() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            installation.call(method="POST", body=b"amount=1")

    caller = threading.Thread(target=pay)
    caller.start()
    installation.live.wait_for(lambda: installation.upstream.requests, "the payment", within_s=10)
    installation.kill_web()
    caller.join(30)
    installation.upstream.answers = [OK]
    assert installation.call()[0] == 200
    released.set()
    assert [request.split(b" ")[0] for request in installation.upstream.requests] == [b"POST", b"GET"]


@pytest.mark.parametrize("name", ["keylodge.sqlite3", "calls.sqlite3"])
def test_a_database_that_another_writer_holds_is_waited_for(installation, name):
    with locked(installation.live.home / name, for_s=2):
        assert installation.call()[0] == 200
        assert installation.call("counted")[0] == 200
        assert installation.call(path="/accounts/login/")[0] == 200
        assert installation.live.command("export", "calls", "--format", "csv").returncode == 0


def test_a_full_disk_gives_no_false_success_and_heals(installation):
    web = installation.web()
    limits = resource.prlimit(web, resource.RLIMIT_FSIZE)
    resource.prlimit(web, resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        assert installation.call()[0] == 200
        status, headers, body = installation.call("counted")
        assert (status, json.loads(body)["code"], "retry-after" in headers) == (503, "unavailable", True)
        assert installation.call(path="/accounts/login/")[0] == 200
        assert installation.call(path="/readyz")[0] == 200
    finally:
        resource.prlimit(web, resource.RLIMIT_FSIZE, limits)
    assert installation.call("counted")[0] == 200
    assert installation.web() == web


def test_without_a_broker_nothing_fails(installation):
    broker = installation.live.home / "broker"
    away = broker.rename(broker.with_name("broker.away"))
    broker.write_text("")
    try:
        assert installation.call()[0] == 200
        assert installation.live.command("provision", str(installation.file)).returncode == 0
        installation.kill_web()
        assert installation.call("counted")[0] == 200
    finally:
        broker.unlink()
        away.rename(broker)
