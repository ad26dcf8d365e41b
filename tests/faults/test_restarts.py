"""Promise R17: a restart under load cuts no answer short; an end at any moment of the start leaves nothing behind."""

from __future__ import annotations

import http.client
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.engines import only_on_sqlite
from tests.fake_upstream import FakeUpstream
from tests.faults.installation import Installation

pytestmark = [
    pytest.mark.processes,
    only_on_sqlite("the database has no part in it"),
]

CALLERS = 20
CHUNK = b"x" * 20_000
CHUNKS = 8


def slowly(sock, request):
    """Answer in eight parts, over half a second."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(CHUNK) * CHUNKS))
    for _ in range(CHUNKS):
        time.sleep(0.06)
        sock.sendall(CHUNK)


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with FakeUpstream(slowly) as upstream:
        made = Installation(tmp_path_factory.mktemp("faults"), upstream)
        yield made
        made.live.stop()


def outcome(installation):
    """Return what came of one call: whole, cut, never taken, or another status."""
    try:
        status, _, body = installation.call()
    except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected):
        return "never taken"
    except (http.client.HTTPException, OSError) as problem:
        return f"cut: {type(problem).__name__}"
    return "whole" if (status, len(body)) == (200, len(CHUNK) * CHUNKS) else str(status)


class Load:
    """Twenty callers, one call after the other until the end."""

    def __init__(self, installation):
        self.installation, self.found, self.is_over = installation, Counter(), threading.Event()
        self.threads = [threading.Thread(target=self.call_on) for _ in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def call_on(self):
        while not self.is_over.is_set():
            found = outcome(self.installation)
            self.found[found] += 1
            if found != "whole":
                time.sleep(0.2)

    def end(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join(40)
        return self.found


def processes_of(session):
    """Return the ids of the processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def ended_cleanly(live, *, how=(0,)):
    """Check the exit status, the output and that no process is left."""
    assert live.process.returncode in how, live.output
    assert "Traceback" not in live.output
    assert "panicked" not in live.output
    assert processes_of(live.process.pid) == []


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_a_restart_under_load_lets_every_call_under_way_end(installation, rounds):
    upstream, live = installation.upstream, installation.live
    for _ in range(rounds):
        upstream.requests.clear()
        load = Load(installation)
        live.wait_for(lambda upstream=upstream: len(upstream.requests) > CALLERS * 2, "the load", within_s=30)
        live.stop(signal.SIGTERM)
        found = load.end()
        ended_cleanly(live)
        assert set(found) <= {"whole", "never taken"}
        assert found["whole"] == len(upstream.requests)
        live.start_again()
        assert outcome(installation) == "whole"


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_an_end_at_any_moment_of_the_start_leaves_nothing_behind(installation, times):
    live = installation.live
    live.stop()
    began = time.monotonic()
    live.start_again()
    lasts_s = time.monotonic() - began
    live.stop()
    for turn in range(times):
        live.start_again(wait=False)
        time.sleep(lasts_s * (turn + 0.5) / times)
        try:
            live.stop(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it did not end after {turn} of {times} of its start")
        ended_cleanly(live, how=(0, -signal.SIGTERM))  # it may not have come to its own handler yet
    live.start_again()
    assert outcome(installation) == "whole"
