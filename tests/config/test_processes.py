"""What `make run` promises of its processes, seen from outside."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.live import ROOT, environment_for, free_port

pytestmark = pytest.mark.processes


def test_a_fresh_home_serves_after_one_command(shared_keylodge):
    with urlopen(f"{shared_keylodge.url}/healthz", timeout=5) as answer:
        assert answer.read() == b"ok"
    assert shared_keylodge.get_json("/readyz") == {"ready": True, "missing": []}


def test_everything_in_the_home_is_for_its_owner_alone(shared_keylodge):
    loose = [
        str(path)
        for path in [shared_keylodge.home, *shared_keylodge.home.rglob("*")]
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert loose == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_every_process_and_frees_the_port(live_keylodge, how):
    children = live_keylodge.wait_for(lambda: len(c := live_keylodge.children()) == 3 and c, "three children")
    assert live_keylodge.stop(how) == 0
    assert [pid for pid in children if os.path.exists(f"/proc/{pid}")] == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", live_keylodge.port))


@pytest.mark.matrix
def test_a_ctrl_c_in_the_terminal_asks_each_process_once(live_keylodge):
    os.killpg(live_keylodge.process.pid, signal.SIGINT)
    assert live_keylodge.stop() == 0
    assert "Cold" not in live_keylodge.output
    assert "Traceback" not in live_keylodge.output


@pytest.mark.matrix
def test_no_process_outlives_a_supervisor_that_was_killed(live_keylodge):
    children = live_keylodge.wait_for(lambda: len(c := live_keylodge.children()) == 3 and c, "three children")
    live_keylodge.process.kill()
    live_keylodge.wait_for(lambda: not any(map(alive, children)), "the end of all children", within_s=20)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_web_process_that_is_killed_comes_back(live_keylodge):
    before = set(live_keylodge.wait_for(lambda: len(c := live_keylodge.children()) == 3 and c, "three children"))
    os.kill(min(before), signal.SIGKILL)

    def answers_again():
        try:
            return set(live_keylodge.children()) != before and live_keylodge.get_json("/readyz")["ready"]
        except OSError:
            return False

    live_keylodge.wait_for(answers_again, "the web process")
    assert "is started again" in live_keylodge.output


def run_serve(environment):
    command = [sys.executable, str(ROOT / "manage.py"), "serve"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_port_in_use_is_one_clear_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = run_serve(environment_for(tmp_path / "home", taken.getsockname()[1]))
    assert ended.returncode == 2
    assert "is in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_second_keylodge_on_the_same_home_is_refused(shared_keylodge):
    ended = run_serve(shared_keylodge.environment | {"KEYLODGE_PORT": str(free_port())})
    assert (ended.returncode, "already running" in ended.stderr) == (2, True)


def test_a_home_that_cannot_be_written_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    ended = run_serve(environment_for(tmp_path / "file" / "home", free_port()))
    assert ended.returncode == 2
    assert "KEYLODGE_HOME" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_wrapping_key_stops_the_start_and_nothing_is_written(start_keylodge, tmp_path):
    live = start_keylodge()
    live.stop()
    other = live.environment | {"KEYLODGE_WRAPPING_KEY": "A" * 21 + "B" * 21 + "A"}
    before = (live.home / "wrapping_key").read_bytes()
    ended = run_serve(other)
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
    assert (live.home / "wrapping_key").read_bytes() == before


def test_the_debug_switch_is_refused_where_others_can_reach_it(tmp_path):
    ended = run_serve(environment_for(tmp_path / "home", free_port()) | {"DEBUG": "1", "KEYLODGE_BIND": "0.0.0.0"})
    assert (ended.returncode, "DEBUG" in ended.stderr) == (2, True)


def raw(live, request: bytes) -> bytes:
    """Send bytes and return everything that comes back until the connection closes."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        connection.sendall(request.replace(b"HOST", f"localhost:{live.port}".encode()))
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def test_every_answer_of_ours_carries_the_safe_headers(shared_keylodge):
    for path in ("/", "/healthz", "/readyz", "/nothing-here", "/static/nothing.css", "/hooks/x", "/gateway/x/y"):
        answer = raw(shared_keylodge, b"GET %s HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n" % path.encode())
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"frame-ancestors 'none'" in head or b"sandbox" in head, (path, head)
        assert b"x-content-type-options: nosniff" in head, (path, head)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 20\r\n\r\nlogin=a&password=bcd",
        b"Transfer-Encoding: chunked\r\n\r\nA\r\nlogin=a&pa\r\nA\r\nssword=bcd\r\n0\r\n\r\n",
    ],
)
def test_a_form_arrives_however_its_body_is_framed(shared_keylodge, framing):
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n"
    answer = raw(shared_keylodge, head + b"Content-Type: application/x-www-form-urlencoded\r\n" + framing)
    assert answer.split(b" ")[1] == b"403"  # read as a form, and refused for want of the CSRF token


def test_a_page_under_another_name_moves_to_the_public_address(shared_keylodge):
    request = b"GET /accounts/login/?next=/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    head = raw(shared_keylodge, request).partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 302")
    assert f"location: {shared_keylodge.url}/accounts/login/?next=/x".encode() in head


def test_a_host_name_that_is_not_ours_is_refused(shared_keylodge):
    answer = raw(shared_keylodge, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"evil.example" not in answer


@pytest.mark.matrix
def test_an_https_address_sends_plain_visitors_to_it(start_keylodge):
    live = start_keylodge(KEYLODGE_PUBLIC_URL="https://keys.example.com")
    plain = b"GET /accounts/login/ HTTP/1.1\r\nHost: keys.example.com\r\nConnection: close\r\n"
    assert b"location: https://keys.example.com/accounts/login/" in raw(live, plain + b"\r\n")
    secure = raw(live, plain + b"X-Forwarded-Proto: https\r\n\r\n").lower()
    assert b"strict-transport-security: max-age=31536000" in secure
    assert b"location: https://keys.example.com/accounts/login/" not in secure
    assert live.get_json("/readyz")["ready"]


def test_the_port_opens_only_after_the_tables_are_there(start_keylodge):
    live = start_keylodge(wait=False, is_from_nothing=True)
    while True:
        try:
            with urlopen(f"{live.url}/readyz", timeout=5) as first:
                assert first.status == 200
                return
        except HTTPError as error:
            pytest.fail(f"the first answer was {error.code}")
        except OSError:
            assert live.process.poll() is None, live.output
            time.sleep(0.01)


def test_the_worker_follows_the_timetable(shared_keylodge):
    looked = "from integrations.models import Sweep; print(Sweep.objects.exclude(ok_at=None).count())"

    def ran():
        said = shared_keylodge.command("shell", "--no-imports", "-c", looked)
        return int(said.stdout.strip() or 0) if said.returncode == 0 else pytest.fail(said.stderr)

    assert shared_keylodge.wait_for(ran, "a first run of the sweeps", within_s=40) > 0


def test_the_root_page_says_where_the_link_was_printed(shared_keylodge):
    answer = raw(shared_keylodge, b"GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"make run" in answer
    assert shared_keylodge.owner_link.rpartition("/")[2].encode() not in answer


def test_the_owner_link_is_printed_once_per_start_and_names_our_address(shared_keylodge):
    link = shared_keylodge.wait_for(lambda: shared_keylodge.owner_link, "the owner's link")
    assert urlsplit(link).netloc == f"localhost:{shared_keylodge.port}"
