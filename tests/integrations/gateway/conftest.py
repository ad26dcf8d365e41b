"""A client with one connection to an upstream on loopback, a token for it, and a gateway to call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from integrations import tokens
from integrations.gateway.app import Gateway
from integrations.models import Call, Connection, CustomProvider, GatewayToken
from integrations.providers.custom import custom_from
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import Client
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.fake_upstream import FakeUpstream

KEY = "sk_live_CANARY0123456789abcdef"
GONE = b"(the caller goes away here)"
FIELDS = {"api_key": "api_key", "bearer": "token", "oauth2": "access_token"}


@dataclass
class Answer:
    """What the gateway answered."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    is_ended: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: str) -> str | None:
        return next((v.decode() for k, v in self.headers if k.lower() == name.encode()), None)


@dataclass
class World:
    """One client, its connection and a token."""

    client: Client
    connection: Connection
    upstream: FakeUpstream
    token: GatewayToken
    text: str

    def run(self, story: Callable[[Gateway], Awaitable[Any]]) -> Any:
        """Run a story against a gateway of its own, and write the call log."""

        async def whole() -> Any:
            gateway = Gateway()
            await gateway.start()
            try:
                return await story(gateway)
            finally:
                await gateway.drain()

        return asyncio.run(whole())

    def call(self, path: str = "/things", **options: Any) -> Answer:
        """Make one call through the gateway."""
        return self.run(lambda gateway: self.ask(gateway, path, **options))

    async def ask(
        self,
        gateway: Gateway,
        path: str = "/things",
        *,
        method: str = "GET",
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes | list[bytes] | None = None,
        query: bytes = b"",
        slug: str | None = None,
        client: str = "198.51.100.7",
        on_chunk: Callable[[bytes], None] | None = None,
        gone: asyncio.Event | None = None,
    ) -> Answer:
        """Send one request to a running gateway."""
        answer = Answer()
        if headers is None:
            headers = [(b"authorization", b"Bearer " + self.text.encode())]
        if isinstance(body, bytes) and not any(k == b"content-length" for k, _ in headers):
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        if isinstance(body, list):
            headers = [*headers, (b"transfer-encoding", b"chunked")]
        parts = body if isinstance(body, list) else [body or b""]
        turns = [
            {"type": "http.request", "body": part, "more_body": n < len(parts) - 1} for n, part in enumerate(parts)
        ]

        async def receive() -> dict[str, Any]:
            if turns and turns[0]["body"] is not GONE:
                return turns.pop(0)
            if not turns:
                await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            else:
                assert not answer.is_ended
                answer.chunks.append(message["body"])
                answer.is_ended = not message["more_body"]
                if on_chunk is not None:
                    on_chunk(message["body"])

        raw = f"/gateway/{slug or self.connection.slug}{path}".encode("latin-1")
        scope = {
            "type": "http",
            "method": method,
            "path": raw.decode("latin-1"),
            "raw_path": raw,
            "query_string": query,
            "headers": headers,
            "client": (client, 4711),
        }
        await gateway.handle(scope, receive, send)
        return answer

    def calls(self) -> list[Call]:
        """Return the rows of the call log, oldest first."""
        return list(Call.objects.order_by("pk"))


def make_provider(upstream: FakeUpstream, key: str = "custom-fake", *, inject: Any = None, **facts: Any) -> str:
    """Return the key of a described provider that is this upstream."""
    table = {"base_url": f"{upstream.url}/api"} | ({"inject": inject} if inject else {})
    made = custom_from(table, key=key, name="Fake", today=date(2026, 11, 22), **facts)
    CustomProvider.objects.update_or_create(key=key, defaults={"name": "Fake", "facts": made})
    return key


def make_connection(client: Client, upstream: FakeUpstream, slug: str, *, kind: str = "api_key", **options: Any):
    """Return a connected connection to the upstream with a stored credential bound to it."""
    env = client.environments.first()
    inject = options.pop("inject", None)
    provider_key = make_provider(upstream, options.pop("key", f"custom-{slug}"), inject=inject, **options)
    slot = f"{inject['in']}:{inject['name']}" if inject else "header:authorization"
    fields = {"username": Secret("ada"), "password": Secret(KEY)} if kind == "basic" else {FIELDS[kind]: Secret(KEY)}
    stored = vault.store(
        actor=SYSTEM,
        client=client,
        environment=env,
        kind="oauth_tokens" if kind == "oauth2" else kind,
        label=slug,
        fields=fields,
        policy=vault.Policy((upstream.host,), (slot,)),
    )
    return Connection.objects.create(
        slug=slug,
        client=client,
        environment=env,
        provider_key=provider_key,
        kind=kind,
        secret=stored,
        status=Connection.Status.CONNECTED,
    )


@pytest.fixture
def upstream():
    """Yield an upstream that answers 200 until told otherwise."""
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def world(upstream, settings):
    """Return Acme with one connection and one token."""
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    client = make_client()
    connection = make_connection(client, upstream, "acme-fake")
    token, text = tokens.make(client, "n8n", [connection], actor=SYSTEM)
    return World(client, connection, upstream, token, text.expose())
