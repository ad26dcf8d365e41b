"""Promises R3, R5 and R10: a killed worker or beat, and a broker that is silent, make work late and lose none."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sqlite3
import threading
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from tests.engines import only_on_sqlite, start_valkey
from tests.fake_upstream import FakeUpstream
from tests.faults.consents import make_consents
from tests.faults.installation import SIGN_IN, Installation
from tests.faults.proxy import FaultProxy

pytestmark = [
    pytest.mark.processes,
    only_on_sqlite("it brings its own broker, and reads SQLite's file"),
]

HUBS = [f"hub-{number}" for number in range(4)]
TAKEN_OVER_WITHIN_S = 90.0
TOKEN_TTL_S = 30
CSRF = "a" * 32


@pytest.fixture(scope="module")
def broker():
    """Yield a proxy before a Valkey."""
    port = int(start_valkey().rpartition(":")[2].partition("/")[0])
    with FaultProxy(port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def installation(tmp_path_factory, broker, shared_sandbox):
    """Yield one installation on that broker, with connections whose tokens are soon to be refreshed."""
    shared_sandbox.control(clear=True)
    shared_sandbox.control(token_ttl_s=TOKEN_TTL_S)
    with FakeUpstream() as upstream:
        host = urlsplit(shared_sandbox.line["url"]).netloc
        url = f"redis://127.0.0.1:{broker.port}/0"
        made = Installation(tmp_path_factory.mktemp("faults"), upstream, also_reach=host, BROKER_URL=url)
        try:
            make_consents(made, shared_sandbox, *HUBS)
            yield made
        finally:
            broker.mode = "ok"
            made.live.stop()
            shared_sandbox.control(clear=True)


def swept_at(installation, name="refresh"):
    """Return when a sweep last ended, by the table."""
    with contextlib.closing(sqlite3.connect(installation.live.home / "keylodge.sqlite3", timeout=20)) as database:
        found = database.execute("SELECT finished_at FROM integrations_sweep WHERE name = ?", [name]).fetchone()
    return (
        datetime.fromisoformat(found[0]).replace(tzinfo=UTC) if found and found[0] else datetime.min.replace(tzinfo=UTC)
    )


def kill(installation, name):
    """Kill a process outright; none is there while it is being started again."""
    with contextlib.suppress(StopIteration, FileNotFoundError, ProcessLookupError):
        os.kill(installation.child(name), signal.SIGKILL)


def ends_working_or_says_reconnect(installation, hub):
    """Tell whether calls work, or say in plain code that a person is needed."""
    status, _, body = installation.call("hub", path=f"/gateway/{hub}/account-info/v3/details", within_s=90)
    return status == 200 or (status == 409 and b"needs_reconnecting" in body)


def kill_for(installation, sandbox, seconds):
    """Kill worker and beat again and again while tokens end and calls are made; return how often."""
    sandbox.control(provider="oauth", delay_s=0.5, times=10_000)
    until, kills = time.monotonic() + seconds, 0
    callers = [
        threading.Thread(target=ends_working_or_says_reconnect, args=(installation, hub), daemon=True) for hub in HUBS
    ]
    for caller in callers:
        caller.start()
    for name in itertools.cycle(["worker", "beat"]):
        if time.monotonic() > until:
            break
        kill(installation, name)
        kills += 1
        time.sleep(1.5)
    sandbox.control(provider="oauth", delay_s=0, times=1)
    for caller in callers:
        caller.join(90)
    return kills


@pytest.mark.parametrize("seconds", [6, pytest.param(90, marks=pytest.mark.soak)])
def test_worker_and_beat_may_be_killed_at_any_moment(installation, shared_sandbox, seconds):
    assert kill_for(installation, shared_sandbox, seconds) >= seconds // 3
    ended = datetime.now(UTC)
    shared_sandbox.control(clear=True)
    shared_sandbox.control(token_ttl_s=TOKEN_TTL_S)
    installation.live.wait_for(
        lambda: swept_at(installation) > ended, "the sweep of refreshes", within_s=TAKEN_OVER_WITHIN_S
    )
    assert [hub for hub in HUBS if not ends_working_or_says_reconnect(installation, hub)] == []
    assert installation.live.command("audit_verify").returncode == 0


def test_a_silent_broker_slows_no_page_and_the_work_is_done(installation, broker):
    cookie = installation.shell(SIGN_IN)
    headers = {"Cookie": f"{cookie}; keylodge_csrf={CSRF}", "X-CSRFToken": CSRF}
    broker.mode = "blackhole"
    began, took = datetime.now(UTC), []
    for _ in range(20):
        started = time.monotonic()
        status = installation.call(method="POST", path="/settings/background/run/", headers=headers, body=b"")[0]
        took.append(time.monotonic() - started)
        assert status == 302
    assert max(took) < 2
    assert installation.call("counted")[0] == 200
    installation.live.wait_for(lambda: swept_at(installation, "mail") > began, "the sweeps", within_s=75)
