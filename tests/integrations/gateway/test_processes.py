"""The gateway as `make run` starts it: over real sockets."""

from __future__ import annotations

import http.client
import json
import threading
import time

import pytest

from tests.fake_upstream import OK, FakeUpstream
from tests.live import LiveKeylodge

pytestmark = pytest.mark.processes

SETUP = """
import json, sys
from datetime import date
from integrations import tokens
from integrations.models import Connection, CustomProvider
from integrations.providers.custom import custom_from
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client, Environment
from secrets_vault.secret import Secret
base_url, key = json.loads(input())
host = base_url.split("//")[1].split("/")[0]
client = Client.objects.create(slug="acme", name="Acme")
env = Environment.objects.create(client=client, slug="production", is_production=True)
facts = custom_from({"base_url": base_url}, key="custom-fake", name="Fake", today=date(2026, 11, 22))
CustomProvider.objects.create(key="custom-fake", name="Fake", facts=facts)
stored = vault.store(actor=COMMAND, client=client, environment=env, kind="api_key", label="k",
                     fields={"api_key": Secret(key)}, policy=vault.Policy((host,), ("header:authorization",)))
made = Connection.objects.create(slug="acme-fake", client=client, environment=env, provider_key="custom-fake",
                                 kind="api_key", secret=stored, status="connected")
token, text = tokens.make(client, "n8n", [made], actor=COMMAND)
print(text.expose())
"""
REVOKE = """
from datetime import UTC, datetime
from integrations import tokens
from integrations.models import GatewayToken
from secrets_vault.actor import COMMAND
tokens.revoke(GatewayToken.objects.get(), actor=COMMAND, now=datetime.now(UTC))
"""
AGAIN = """
from integrations import tokens
from integrations.models import Connection
from secrets_vault.actor import COMMAND
connection = Connection.objects.get(slug="acme-fake")
print(tokens.make(connection.client, "again", [connection], actor=COMMAND)[1].expose())
"""
COUNT = "from integrations.models import Call; print(Call.objects.count())"
CANCELLED = "from integrations.models import Call; print(Call.objects.filter(outcome='cancelled').count())"
FORGET = "from integrations.models import Call; Call.objects.all().delete()"


def shell(live, code: str, stdin: str = "") -> str:
    """Run code in another process of the installation."""
    done = live.command("shell", "-v0", "--no-imports", "-c", code, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def fake():
    """Yield one upstream for all tests here."""
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def live(tmp_path_factory, fake):
    """Yield one running installation that may reach the upstream; starting it takes seconds."""
    running = LiveKeylodge(tmp_path_factory.mktemp("home"), KEYLODGE_ALLOWED_PRIVATE_HOSTS=fake.host)
    yield running.wait_until_started()
    running.stop()


@pytest.fixture(scope="module")
def text(live, fake):
    """Return the text of a gateway token."""
    return shell(live, SETUP, json.dumps([fake.url, "sk-real"]))


@pytest.fixture
def upstream(fake):
    """Return the upstream, all well and nothing arrived."""
    fake.answers = [OK]
    fake.requests.clear()
    return fake


def ask(live, text, path="/things", *, method="GET", body=None, headers=None, raw=None):
    """Make one call over a socket and return (status, headers, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    try:
        given = {"Authorization": f"Bearer {text}"} | (headers or {})
        connection.request(method, f"/gateway/acme-fake{path}", body, given)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_targets_arrive_byte_for_byte_through_the_server(live, text, upstream):
    from tests.integrations.gateway.test_target import PASSING

    for target in PASSING:
        raw_call(live, b"GET /gateway/acme-fake" + target, text)
    arrived = [request.split(b" HTTP/1.1", 1)[0] for request in upstream.requests]
    assert arrived == [b"GET " + target for target in PASSING]


def raw_call(live, start: bytes, text: str) -> bytes:
    """Write a request line as it is and return the beginning of the answer."""
    import socket

    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as sock:
        sock.sendall(
            start
            + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer %b\r\n\r\n" % text.encode()
        )
        return sock.recv(65536)


def test_events_pass_as_they_come(live, text, upstream):
    released = threading.Event()

    def events(sock, request):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n")
        released.wait(10)
        sock.sendall(b"data: 2\n\n")
        sock.shutdown(2)

    upstream.answers = [events]
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
    connection.request("GET", "/gateway/acme-fake/events", headers={"Authorization": f"Bearer {text}"})
    answer = connection.getresponse()
    assert answer.read1() == b"data: 1\n\n"
    released.set()
    assert answer.read() == b"data: 2\n\n"
    connection.close()


def test_a_chunked_upload_arrives(live, text, upstream):
    parts = [b"x" * 70_000 for _ in range(8)]
    status, _, _ = ask(live, text, method="POST", body=iter(parts))
    assert status == 200
    head, _, body = upstream.requests[0].partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert body.count(b"x") == 560_000


def test_an_answer_cut_short_is_cut_short_for_the_caller_too(live, text, upstream):
    def cut(sock, request):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        time.sleep(0.1)
        sock.shutdown(2)

    upstream.answers = [cut]
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        ask(live, text)


def test_a_caller_that_leaves_ends_the_call_upstream(live, text, upstream):
    left = threading.Event()

    def wait(sock, request):
        sock.settimeout(10)
        if sock.recv(1) == b"":
            left.set()

    upstream.answers = [wait]
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
    connection.request("GET", "/gateway/acme-fake/slow", headers={"Authorization": f"Bearer {text}"})
    live.wait_for(lambda: upstream.requests, "the call", within_s=5)
    connection.close()
    assert left.wait(5)
    live.wait_for(lambda: shell(live, CANCELLED) == "1", "the row", within_s=30)


def test_a_revocation_in_one_process_stops_the_next_call_in_another(live, text, upstream):
    assert [ask(live, text)[0] for _ in range(3)] == [200, 200, 200]
    shell(live, REVOKE)
    assert ask(live, text)[0] == 401
    assert len(upstream.requests) == 3


def test_every_accepted_row_is_written_when_the_server_is_stopped(live, text, upstream):
    again = shell(live, AGAIN)
    shell(live, FORGET)
    for _ in range(20):
        assert ask(live, again)[0] == 200
    assert live.stop() == 0
    assert shell(live, COUNT) == "20"
    assert not any(secret in live.output for secret in ("sk-real", text, again))
