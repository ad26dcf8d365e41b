"""Promise R11: a hostile upstream ends by its deadline, in bounded memory, and costs its neighbours nothing."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from integrations.gateway.retry import BUDGET_S
from tests.engines import only_on_sqlite
from tests.fake_upstream import FakeUpstream
from tests.faults.installation import Installation

pytestmark = [
    pytest.mark.processes,
    only_on_sqlite("the database has no part in it"),
]

AT_ONCE = 8
BUSY_MACHINE_S = 4.0
MOST_GROWTH_BYTES = 32 * 1024 * 1024
BOMB = gzip.compress(bytes(50_000_000))
CONNECTION = """
[[client.connection]]
slug = "acme-{name}"
provider = "custom"
kind = "api_key"
secret = {{ value = "key-{name}-0123456789" }}
custom = {{ base_url = "{url}", inject = {{ in = "header", name = "X-Api-Key", template = "{{token}}" }} }}
"""


def for_ever(head, drop, *, pause_s):
    """Return a handler that sends `head`, then `drop` again and again."""

    def handler(sock, request):
        sock.sendall(head)
        while True:
            sock.sendall(drop)
            time.sleep(pause_s)

    return handler


def once(data):
    """Return a handler that sends these bytes and closes."""

    def handler(sock, request):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_RDWR)

    return handler


# by path: what the upstream does, and what the caller gets (a status, or None where the answer had begun and is cut)
KINDS = {
    "header-drip": (for_ever(b"HTTP/1.1 200 OK\r\nX-A: ", b"a", pause_s=0.2), 504),
    "body-drip": (for_ever(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b"x", pause_s=0.2), None),
    "endless-headers": (for_ever(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 2000, pause_s=0.0), 502),
    "one-header-for-ever": (for_ever(b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 65536, pause_s=0.0), 502),
    "garbage": (once(b"\x16\x03\x01\x02\x00 what\r\n\r\n"), 502),
    "length-and-chunks": (
        once(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        502,
    ),
    "bomb": (
        once(b"HTTP/1.1 400 No\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(BOMB), BOMB)),
        400,
    ),
}


def by_path(sock, request):
    """Do what the path asks for."""
    KINDS[request.split(b" ")[1].decode().strip("/")][0](sock, request)


@contextlib.contextmanager
def nobody_accepts():
    """Yield host:port of a listener whose queue is full: whoever connects waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, contextlib.ExitStack() as waiting:
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(listening.getsockname())
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def installation(tmp_path):
    """Yield one installation with a healthy connection, a hostile one and one to a host that never accepts."""
    with FakeUpstream() as well, FakeUpstream(by_path) as hostile, nobody_accepts() as silent:
        made = Installation(
            tmp_path,
            well,
            also_reach=f"{hostile.host},{silent}",
            also=CONNECTION.format(name="hostile", url=hostile.url)
            + CONNECTION.format(name="silent", url=f"http://{silent}"),
            slugs=["acme-fake", "acme-hostile", "acme-silent"],
        )
        try:
            yield made
        finally:
            made.live.stop()


def met(installation, path):
    """Return what a caller gets, None for an answer that is cut, and the seconds it took."""
    began = time.monotonic()
    try:
        status = installation.call(path=path, within_s=BUDGET_S + 30)[0]
    except (http.client.IncompleteRead, ConnectionError):
        status = None
    return status, time.monotonic() - began


def rss_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def healthy_calls(installation, *, until):
    """Call the healthy connection, one call after the other; return the seconds of each."""
    took = []
    while not until() or len(took) < 50:
        status, seconds = met(installation, "/gateway/acme-fake/x")
        assert status == 200
        took.append(seconds)
        time.sleep(0.02)
    return sorted(took)


def test_hostile_upstreams_end_by_the_deadline_and_hurt_no_neighbour(installation):
    paths = {f"/gateway/acme-hostile/{kind}": {status} for kind, (_, status) in KINDS.items()}
    paths["/gateway/acme-silent/x"] = {502, 504}  # three connections are tried, of ten seconds each
    web, found, lock = installation.web(), [], threading.Lock()
    quiet = healthy_calls(installation, until=lambda: True)
    before = rss_bytes(web)

    def suffer(path):
        outcome = (path, *met(installation, path))
        with lock:
            found.append(outcome)

    callers = [threading.Thread(target=suffer, args=(path,)) for path in paths for _ in range(AT_ONCE)]
    for caller in callers:
        caller.start()
    meanwhile = healthy_calls(installation, until=lambda: len(found) == len(callers))
    for caller in callers:
        caller.join()

    assert [(path, status) for path, status, _ in found if status not in paths[path]] == []
    assert max(seconds for _, _, seconds in found) < BUDGET_S + 1 + BUSY_MACHINE_S
    assert rss_bytes(web) - before < MOST_GROWTH_BYTES
    assert meanwhile[len(meanwhile) * 99 // 100] < 1 + 20 * quiet[len(quiet) * 99 // 100]
    assert installation.web() == web
