"""What `config/asgi.py` does before any floor sees a request."""

from __future__ import annotations

import asyncio

import pytest

from config import asgi


def ask(path, *hosts):
    """Send one GET through the front door; the gateway is one that answers 200. Return the status and the headers."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    headers = [(b"host", host) for host in hosts]
    asyncio.run(asgi.application({**scope, "headers": headers, "client": ("127.0.0.1", 1)}, receive, send))
    return sent[0]["status"], sent[0]["headers"]


@pytest.fixture(autouse=True)
def _answers_to_two_names(settings, monkeypatch):
    async def gateway(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    monkeypatch.setattr(asgi, "mounted", gateway)
    monkeypatch.setattr(asgi, "hooks", gateway)


@pytest.mark.parametrize("path", ["/gateway/acme/x", "/hooks/x", "/healthz"])
@pytest.mark.parametrize(
    "hosts", [[b"evil.example"], [b"evil.example:8000"], [], [b""], [b"localhost", b"evil.example"]]
)
def test_a_host_that_is_not_ours_is_refused_on_every_floor(path, hosts):
    assert ask(path, *hosts)[0] == 400


@pytest.mark.parametrize("host", [b"localhost", b"127.0.0.1:8000", b"LOCALHOST:99"])
def test_every_name_of_ours_reaches_the_gateway(host):
    assert ask("/gateway/acme/x", host)[0] == 200


@pytest.mark.parametrize("path", ["/gateway/acme/x", "/healthz", "/hooks/x"])
def test_no_answer_names_the_server_software(path):
    assert dict(ask(path, b"localhost")[1])[b"server"] == b""
