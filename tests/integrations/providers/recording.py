"""A server that records what is sent to any provider, and the golden requests that it is held against.

Only the dialling is changed: whatever host is called, the bytes go to a plain socket on loopback. What is recorded
is the request as the product sent it to the provider.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from integrations.outbound.dial import Dialler
from integrations.outbound.origin import Origin
from integrations.providers.injection import OWN_FIELDS
from integrations.providers.parts import KINDS
from integrations.providers.shape import Provider
from secrets_vault.secret import Secret
from tests.fake_upstream import FakeUpstream

GOLDEN = Path(__file__).parent / "golden"
KEYS = sorted(path.stem for path in GOLDEN.glob("*.toml"))
HELD = {"api_key": "api_key", "bearer": "token"}  # other kinds carry an access token
READABLE = re.compile(r"base64\(([^)]*)\)")
# What our own HTTP code adds to a request, whoever is called.
OURS = {"host", "accept-encoding", "content-length", "user-agent", "accept", "content-type"}


@dataclass(frozen=True)
class Recorded:
    """One request: its address without the query, the query, the headers by lower-case name, the body."""

    method: str
    url: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, Any]:
        """Return the fields of the body, JSON or a form."""
        if "json" in self.headers.get("content-type", ""):
            return dict(json.loads(self.body))
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def read(raw: bytes) -> Recorded:
    """Return a request from the bytes that arrived."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    path, _, query = target.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    assert len({name for name, _ in pairs}) == len(pairs)
    return Recorded(method, f"https://{headers['host']}{path}", dict(pairs), headers, body)


class Recorder:
    """The requests that arrived, last first to be asked for."""

    def __init__(self, upstream: FakeUpstream) -> None:
        self.upstream = upstream

    def last(self) -> Recorded:
        """Return the request that arrived last."""
        return read(self.upstream.requests[-1])


@pytest.fixture
def recorder(monkeypatch):
    """Yield a server in the place of every provider. It answers 200 and an empty object."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
    with FakeUpstream(answer) as upstream:
        there = Origin("http", "127.0.0.1", upstream.port)
        real = Dialler.open

        async def rerouted(self: Dialler, origin: Origin, *, allowed: frozenset[str]) -> Any:
            assert origin.scheme == "https", "a credential travels in the clear"
            return await real(self, there, allowed=frozenset({upstream.host}))

        monkeypatch.setattr(Dialler, "open", rerouted)
        monkeypatch.setattr(sys.modules["integrations.outbound.send"], "allowed_private_hosts", frozenset)
        yield Recorder(upstream)


def golden(key: str) -> dict[str, Any]:
    """Return the golden requests of a provider."""
    return tomllib.loads((GOLDEN / f"{key}.toml").read_text(encoding="utf-8"))


def tables(name: str) -> list[Any]:
    """Return the providers whose golden file has such a table, or such a table of a kind (`call_basic`)."""
    names = {name, *(f"{name}_{kind}" for kind in KINDS)}
    return [
        pytest.param(key, table, id=f"{key}-{at}") for key in KEYS for at, table in golden(key).items() if at in names
    ]


def fields_of(provider: Provider, kind: str) -> dict[str, Secret]:
    """Return a credential whose values name themselves: TOKEN, USER, PASS, APPLICATION_KEY."""
    own = {HELD.get(kind, "access_token"): "TOKEN"}
    if kind == "basic":
        own = {"username": "USER", "password": "PASS"}
    more = {one.name: one.name.upper() for one in (*provider.fields_of(kind), *provider.fields_beside(kind))}
    others = {name for names in OWN_FIELDS.values() for name in names}
    return {name: Secret(text) for name, text in (own | {n: t for n, t in more.items() if n not in others}).items()}


def headers_of(wanted: dict[str, Any]) -> dict[str, str]:
    """Return the headers of a golden request as they are sent: base64(USER:PASS) is what it says."""
    return {
        name.lower(): READABLE.sub(lambda found: b64encode(found[1].encode()).decode(), text)
        for name, text in wanted.get("headers", {}).items()
    }


def differences(wanted: dict[str, Any], sent: Recorded) -> dict[str, Any]:
    """Return what differs between a golden call and one that arrived; nothing where it is the same.

    Headers that a golden request does not name may only be those that every request has, and its `also_sent`.
    """
    headers = headers_of(wanted)
    besides = OURS | {name.lower() for name in wanted.get("also_sent", ())}
    told = {name: text for name, text in sent.headers.items() if name in headers or name not in besides}
    found = {
        "method": (wanted["method"], sent.method),
        "url": (wanted["url"], sent.url),
        "query": (wanted.get("query", {}), sent.query),
        "headers": (headers, told),
        "json": (wanted.get("json", {}), sent.form if wanted.get("json") else {}),
    }
    return {name: both for name, both in found.items() if both[0] != both[1]}
