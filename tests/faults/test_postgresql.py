"""Promise R9: a PostgreSQL that restarts or falls silent fails a request or two, hangs none for long, and heals."""

from __future__ import annotations

import time

import pytest

from tests.engines import only_on_postgres
from tests.fake_upstream import FakeUpstream
from tests.faults.installation import SIGN_IN, Installation
from tests.faults.proxy import FaultProxy
from tests.own_postgres import OwnPostgres

pytestmark = [
    pytest.mark.processes,
    only_on_postgres("these faults are those of PostgreSQL"),
]

BOUNDED_S = 20.0  # 3 s until a silent server is given up, 2 s for each new connection; the rest is a busy machine's
MAKE_ADA = "from tests.factories import make_user\nmake_user('Ada', is_owner=True)\nprint('null')"


@pytest.fixture(scope="module")
def server():
    made = OwnPostgres()
    yield made
    made.delete()


@pytest.fixture(scope="module")
def proxy(server):
    with FaultProxy(server.socket) as made:
        yield made


@pytest.fixture(scope="module")
def installation(tmp_path_factory, proxy):
    """Yield one installation whose way to its database can be cut, and its owner signed in."""
    with FakeUpstream() as upstream:
        url = f"postgres://postgres:@127.0.0.1:{proxy.port}/postgres"
        made = Installation(tmp_path_factory.mktemp("faults"), upstream, DATABASE_URL=url)
        try:
            made.shell(MAKE_ADA)
            made.cookie = made.shell(SIGN_IN)
            yield made
        finally:
            proxy.mode = "ok"
            made.live.stop()


def asked(installation, what):
    """Return the status of a page, of `readyz`, or of a call by a token with or without a limit, and the seconds."""
    began = time.monotonic()
    if what in installation.tokens:
        status, headers, _ = installation.call(what)
    else:
        status, headers, _ = installation.call(path=what, headers={"Cookie": installation.cookie})
    assert status != 503 or "retry-after" in {name.lower() for name in headers} or what == "/readyz"
    return status, time.monotonic() - began


def test_a_restart_fails_what_comes_meanwhile_and_nothing_after(installation, server):
    for what in ("/", "/readyz", "counted", "free"):
        assert asked(installation, what)[0] == 200
    server.crash()
    for what in ("/", "/readyz", "counted"):
        status, seconds = asked(installation, what)
        assert (what, status) == (what, 503)
        assert seconds < BOUNDED_S
    server.start()
    assert [asked(installation, what)[0] for what in ("/", "counted", "/readyz", "/", "free", "/") * 3] == [200] * 18


def test_a_silent_server_hangs_no_request_and_the_gateway_fails_closed(installation, proxy):
    for what in ("/", "counted", "free"):
        assert asked(installation, what)[0] == 200
    proxy.mode = "blackhole"
    try:
        for what in ("/", "/readyz"):
            status, seconds = asked(installation, what)
            assert (what, status) == (what, 503)
            assert seconds < BOUNDED_S
        time.sleep(5)  # as long as a token's route is kept
        status, seconds = asked(installation, "free")
        assert status == 503
        assert seconds < BOUNDED_S
        assert asked(installation, "/healthz")[1] < 5
    finally:
        proxy.mode = "ok"
    installation.live.wait_for(lambda: asked(installation, "/readyz")[0] == 200, "the database", within_s=20)
    assert [asked(installation, what)[0] for what in ("/", "counted", "free", "/") * 3] == [200] * 12
    assert installation.live.command("audit_verify").returncode == 0
