"""Promise R16: a clock that jumps by two days, either way, stops nothing and ends nothing early."""

from __future__ import annotations

import os
import signal
import threading
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest

from tests.fake_upstream import OK, FakeUpstream
from tests.faults.consents import make_consents
from tests.faults.installation import SIGN_IN, Installation
from tests.faults.wall_clock import WallClock

pytestmark = [pytest.mark.processes, pytest.mark.matrix]

TWO_DAYS = timedelta(days=2)
HUB = "/gateway/hub-one/account-info/v3/details"
LOOK = """
from django.utils import timezone
from integrations import clock, sweeps
from integrations.models import Connection, Sweep
from secrets_vault import doctor
now, row = timezone.now(), Connection.objects.get(slug="hub-one")
print(json.dumps({
    "ran": {row.name: row.finished_at.isoformat() for row in Sweep.objects.exclude(finished_at=None)},
    "failed": list(Sweep.objects.exclude(error_code="").values_list("name", flat=True)),
    "is_quiet": sweeps.is_quiet(now), "set_by_s": getattr(clock.lately_set(now), "by_s", 0),
    "status": row.status, "refreshed_at": str(row.refreshed_at or ""), "expires_at": str(row.access_expires_at),
    "trouble": [finding.check for finding in doctor.examine() if not finding.ok],
}))
"""


@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path)


@pytest.fixture
def installation(tmp_path, clock, sandbox):
    """Yield an installation whose clock can be moved, with one connection by key and one by consent."""
    with FakeUpstream() as upstream:
        host = urlsplit(sandbox.line["url"]).netloc
        made = Installation(tmp_path, upstream, also_reach=host, **clock.variables)
        try:
            make_consents(made, sandbox, "hub-one")
            yield made
        finally:
            made.live.stop()


def jump(installation, clock, to):
    """Set the clock while a call is under way; that call and those after it end well."""
    held, answers = threading.Event(), []

    def slow(sock, request):
        held.wait(20)
        sock.sendall(OK)

    installation.upstream.answers = [slow, OK]
    before = len(installation.upstream.requests)
    caller = threading.Thread(target=lambda: answers.append(installation.call()[0]))
    caller.start()
    installation.live.wait_for(lambda: len(installation.upstream.requests) > before, "the call", within_s=10)
    clock.set_ahead(to)
    held.set()
    caller.join(30)
    assert answers == [200]
    assert [installation.call()[0], installation.call("counted")[0]] == [200, 200]


def look_once_the_sweeps_ran(installation, clock, *names):
    """Return what is to be seen once each of these sweeps has run by the clock as it is now."""

    def ran():
        seen = installation.shell(LOOK)
        times = [datetime.fromisoformat(seen["ran"][name]) for name in names if name in seen["ran"]]
        return (
            seen
            if len(times) == len(names) and all(abs(clock.now() - at) < timedelta(hours=1) for at in times)
            else None
        )

    return installation.live.wait_for(ran, "the sweeps", within_s=40)


def token_requests(sandbox):
    return sum("/oauth/2026-03/token" in call["target"] for call in sandbox.arrived())


def test_a_clock_that_jumps_stops_no_work_and_ends_nothing_early(installation, clock, sandbox):
    assert installation.call("hub", path=HUB)[0] == 200
    look_once_the_sweeps_ran(installation, clock, "mail", "clock")

    jump(installation, clock, TWO_DAYS)
    asked = token_requests(sandbox)
    sandbox.control(provider="oauth", delay_s=30, times=1)
    installation.live.wait_for(lambda: token_requests(sandbox) > asked, "a refresh", within_s=30)
    os.kill(installation.child("worker"), signal.SIGKILL)  # its lease is now two days ahead of what comes
    sandbox.control(clear=True)

    jump(installation, clock, -TWO_DAYS)
    assert installation.call("hub", path=HUB)[0] == 200
    seen = look_once_the_sweeps_ran(installation, clock, "mail", "clock", "refresh", "audit")
    assert (seen["status"], seen["failed"], seen["is_quiet"]) == ("connected", [], False)
    assert clock.now() < datetime.fromisoformat(seen["expires_at"]) < clock.now() + timedelta(hours=1)
    assert -4 * 86_400 - 60 < seen["set_by_s"] < -3 * 86_400
    assert seen["trouble"] == ["clock"]
    assert installation.live.command("audit_verify").returncode == 0

    cookie = installation.shell(SIGN_IN)
    page = installation.get("/settings/background/", cookie)
    assert "was put back by" in page
    assert "Background work is not running" not in installation.get("/", cookie)
