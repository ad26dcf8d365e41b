"""Several processes and one rotating refresh token, against a real authorization server with reuse detection."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from tests.integrations.oauth.world import NOW
from tests.live import ROOT, environment_for, free_port

pytestmark = pytest.mark.processes
LATER = NOW + timedelta(minutes=31)


class Installation:
    """A home and database of its own, and the processes that share it."""

    def __init__(self, home, sandbox):
        host = urlsplit(sandbox.line["url"]).netloc
        own = {"KEYLODGE_ALLOWED_PRIVATE_HOSTS": host, "DJANGO_SETTINGS_MODULE": "config.settings"}
        self.environment = environment_for(home, free_port(), has_tables=True) | own
        self.slug = self.finish(self.start("make", line=sandbox.line))["slug"]

    def start(self, action, **asked):
        command = [sys.executable, "-m", "tests.integrations.oauth.caller", action, json.dumps(asked)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=pipe, stdout=pipe, text=True)

    def finish(self, process):
        out, _ = process.communicate("go\n", timeout=60)
        assert process.returncode == 0, out
        return json.loads(out.splitlines()[-1])

    def call(self, *, now, processes=1, threads=1):
        """Return what all callers found, begun at the same moment."""
        running = [self.start("call", slug=self.slug, now=now.isoformat(), threads=threads) for _ in range(processes)]
        for process in running:
            assert process.stdout.readline() == "ready\n"
        for process in running:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [self.finish(process) for process in running]

    def kill_while_refreshing(self, *, now, after):
        process = self.start("hang", slug=self.slug, now=now.isoformat(), after=after)
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
def installation(tmp_path, sandbox):
    sandbox.control(rotate=True)
    return Installation(tmp_path, sandbox)


def refreshes(sandbox):
    return sum("/oauth/2026-03/token" in call["target"] for call in sandbox.arrived()) - 1  # the first was the consent


def test_two_processes_and_twenty_callers_make_exactly_one_refresh(installation, sandbox):
    for turn in range(1, 4):
        sandbox.control(provider="oauth", delay_s=0.3, times=1)
        outcomes = installation.call(now=NOW + timedelta(minutes=31 * turn), processes=2, threads=10)
        found = [token for outcome in outcomes for token in outcome["found"]]
        assert len(found) == 20
        assert len(set(found)) == 1
        assert refreshes(sandbox) == turn
    assert {outcome["status"] for outcome in outcomes} == {"connected"}


def test_twenty_callers_of_a_failing_provider_do_not_take_turns_to_fail(installation, sandbox):
    sandbox.control(provider="oauth", status=503, delay_s=0.3)
    outcomes = installation.call(now=LATER, processes=2, threads=10)
    assert {token for outcome in outcomes for token in outcome["found"]} == {"NotUsableNow"}
    assert refreshes(sandbox) <= 2


@pytest.mark.parametrize("rotate", [True, False])
def test_killed_between_answer_and_commit_it_ends_working_or_says_reconnect(installation, sandbox, rotate):
    sandbox.control(rotate=rotate)
    installation.kill_while_refreshing(now=LATER, after=True)
    ended = installation.call(now=LATER + timedelta(seconds=46))[0]
    assert ended["status"] == ("needs_reconnecting" if rotate else "connected")
    assert ended["found"] == ["NeedsReconnecting"] if rotate else len(ended["found"][0]) == 64
    before = refreshes(sandbox)
    installation.call(now=LATER + timedelta(seconds=120))
    assert refreshes(sandbox) == before  # no silent loop


EVERY_S = 31 * 60
EXPIRIES = 50
KILLED_BEFORE = range(10, EXPIRIES + 1, 10)
A_LEASE_AND_MORE_S = 46


def test_forty_callers_in_three_processes_make_one_refresh_for_each_expiry(installation, sandbox):
    """Fifty times a token ends; before every tenth, a fourth process is killed between the answer and the commit.

    The provider withdraws a refresh token that it sees twice, but for the minute after a kill, in which it has grace.
    """
    begin = NOW + timedelta(seconds=EVERY_S)
    asked = {"slug": installation.slug, "begin": begin.isoformat(), "count": EXPIRIES, "every_s": EVERY_S}
    callers = [installation.start("turns", threads=threads, **asked) for threads in (14, 13, 13)]
    for caller in callers:
        assert caller.stdout.readline() == "ready\n"
    killed, used = 0, set()
    for turn in range(1, EXPIRIES + 1):
        if turn in KILLED_BEFORE:
            sandbox.control(grace_s=600)
            before = begin + timedelta(seconds=EVERY_S * (turn - 1) - A_LEASE_AND_MORE_S)
            installation.kill_while_refreshing(now=before, after=True)
            killed += 1
        for caller in callers:
            caller.stdin.write("go\n")
            caller.stdin.flush()
        found = [token for caller in callers for token in json.loads(caller.stdout.readline())]
        assert (len(found), len(set(found))) == (40, 1), set(found)
        assert len(found[0]) == 64  # the hash of a token, not the name of a failure
        assert refreshes(sandbox) == turn + killed
        used |= set(found)
        sandbox.control(grace_s=0)
    assert (killed, len(used)) == (5, EXPIRIES)
    assert {json.loads(caller.stdout.readline())["status"] for caller in callers} == {"connected"}
    assert [caller.communicate(timeout=60) and caller.returncode for caller in callers] == [0, 0, 0]


def test_killed_between_answer_and_commit_a_grace_of_the_provider_saves_the_grant(installation, sandbox):
    sandbox.control(rotate=True, grace_s=600)
    installation.kill_while_refreshing(now=LATER, after=True)
    ended = installation.call(now=LATER + timedelta(seconds=46), threads=10)[0]
    assert (ended["status"], len(ended["found"])) == ("connected", 10)
    assert len(set(ended["found"])) == 1
    assert refreshes(sandbox) == 2  # the one whose answer was lost, and its one repeat


def test_killed_before_the_request_left_the_next_one_refreshes(installation, sandbox):
    installation.kill_while_refreshing(now=LATER, after=False)
    ended = installation.call(now=LATER + timedelta(seconds=46))[0]
    assert (ended["status"], len(ended["found"][0])) == ("connected", 64)
    assert refreshes(sandbox) == 1
