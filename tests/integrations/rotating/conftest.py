"""A provider that knows which keys live, one connection to it, and a secret that is to be rotated."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, date, datetime
from typing import Any

import pytest

from integrations import connections
from integrations.models import CustomProvider
from integrations.providers.custom import custom_from
from integrations.rotating import guided
from secrets_vault.actor import Actor
from secrets_vault.secret import Secret
from tests.factories import make_client, make_user
from tests.fake_upstream import FakeUpstream

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OLD, NEW = "sk_live_OLDCANARY0123456789", "sk_live_NEWCANARY0123456789"


class Provider(FakeUpstream):
    """Answers 200 to a key that lives and `refuses_with` to any other."""

    def __init__(self, *alive: str) -> None:
        self.alive = set(alive)
        self.refuses_with = 401
        self.account = "acct_1"
        super().__init__(self._answer)

    def _answer(self, sock: socket.socket, request: bytes) -> None:
        found = re.search(rb"(?i)\r\nx-api-key: ([^\r]*)", request)
        is_alive = found is not None and found[1].decode() in self.alive
        body = json.dumps({"id": self.account} if is_alive else {"error": "unknown key"}).encode()
        status = 200 if is_alive else self.refuses_with
        sock.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)


@pytest.fixture
def ada(db: None) -> Actor:
    return Actor.of(make_user("Ada", is_owner=True))


@pytest.fixture
def provider(settings: Any) -> Any:
    with Provider(OLD) as upstream:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
        yield upstream


@pytest.fixture
def connection(provider: Provider, ada: Actor) -> Any:
    client = make_client("acme", name="Acme")
    table = {"base_url": provider.url, "inject": {"in": "header", "name": "X-Api-Key", "template": "{token}"}}
    more: dict[str, Any] = {"probe": {"method": "GET", "path": "/me"}, "identity": {"probe_id": "id"}}
    facts = custom_from(table, key="custom-crm", name="A CRM", today=date(2026, 11, 22), **more)
    CustomProvider.objects.create(key="custom-crm", name="A CRM", facts=facts)
    made = connections.create_connection(
        client, client.environments.first(), provider_key="custom-crm", kind="api_key", actor=ada, now=NOW
    )
    connections.connect_key(made, {"api_key": Secret(OLD)}, actor=ada, now=NOW, made_on=date(2026, 5, 1))
    connections.probe(made, actor=ada, now=NOW)
    return made


@pytest.fixture
def rotation(connection: Any, ada: Actor) -> Any:
    return guided.start(connection.secret, actor=ada, now=NOW)
