"""The API version of a connection: pinned, tried before it changes, in the book, and taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations import connections, outbound
from integrations.connections import VersionRefused
from integrations.models import Connection, CustomProvider
from integrations.providers.shape import Provider
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS: dict[str, Any] = {
    "key": "custom-v",
    "name": "Acme API",
    "base_url": "https://api.acme.test",
    "allowed_hosts": ["api.acme.test"],
    "docs_url": "",
    "checked_on": "2026-11-22",
    "is_custom": True,
    "injections": {"api_key": {"in": "header", "name": "X-Api-Key"}},
    "probe": {"method": "GET", "path": "/me"},
    "versions": {"header": "Acme-Version", "pattern": r"20\d\d-\d\d", "known": ["2026-09", "2026-03", "2025-11"]},
}
IN_URL = FACTS | {
    "base_url": "https://api.acme.test/{api_version}",
    "versions": {"pattern": r"v\d+", "default": "v2", "known": ["v3", "v2"]},
}


class World:
    """A connection with a stored key, and a provider that answers what the test says."""

    def __init__(self, facts: dict[str, Any]) -> None:
        Provider.from_facts(facts, where="test")
        CustomProvider.objects.create(key="custom-v", name="V", facts=facts)
        client = make_client()
        self.connection = connections.create_connection(
            client, client.environments.first(), provider_key="custom-v", kind="api_key", actor=SYSTEM, now=NOW
        )
        connections.connect_key(self.connection, {"api_key": Secret("key-CANARY-1")}, actor=SYSTEM, now=NOW)
        self.status = 200
        self.sent: list[tuple[str, str | None]] = []

    def send(self, method: str, url: str, *, headers: list[tuple[bytes, bytes]], **_: Any) -> outbound.Answer:
        """Note where a call went and which version it named."""
        said = {name.lower(): value.decode() for name, value in headers}
        self.sent.append((url, said.get(b"acme-version")))
        return outbound.Answer(self.status, (), b"{}")

    def pin(self, version: str) -> str:
        """Pin a version."""
        return connections.pin(self.connection, version, actor=SYSTEM, now=NOW, send=self.send)

    def variables(self) -> dict[str, str]:
        """Return what is stored."""
        return dict(Connection.objects.get().variables)


def test_a_version_is_tried_then_pinned_and_is_in_the_book():
    world = World(FACTS)
    assert world.pin("2026-03") == "It works."
    assert world.sent == [("https://api.acme.test/me", "2026-03")]
    assert world.variables() == {"api_version": "2026-03"}
    event = AuditEvent.objects.get(action="connection.version_pinned")
    assert (event.details["version"], event.details["before"]) == ("2026-03", "-")
    connections.probe(world.connection, actor=SYSTEM, now=NOW, send=world.send)
    assert world.sent[-1] == ("https://api.acme.test/me", "2026-03")


@pytest.mark.parametrize(("status", "said"), [(400, "answered with status 400"), (503, "failure"), (429, "busy")])
def test_a_version_that_does_not_work_changes_nothing(status, said):
    world = World(FACTS)
    world.pin("2026-03")
    world.status = status
    with pytest.raises(VersionRefused, match=said) as refused:
        world.pin("2026-09")
    assert "Nothing was changed" in str(refused.value)
    assert world.variables() == {"api_version": "2026-03"}
    assert AuditEvent.objects.filter(action="connection.version_pinned").count() == 1
    assert Connection.objects.get().status == "untested"


def test_the_version_before_comes_back_in_one_step_and_so_does_none():
    world = World(FACTS)
    world.pin("2026-03")
    world.pin("2026-09")
    connections.take_back(world.connection, actor=SYSTEM, now=NOW, send=world.send)
    assert world.variables() == {"api_version": "2026-03"}
    connections.take_back(world.connection, actor=SYSTEM, now=NOW, send=world.send)
    assert world.variables() == {"api_version": "2026-09"}
    world.pin("-")
    assert world.variables() == {}
    connections.take_back(world.connection, actor=SYSTEM, now=NOW, send=world.send)
    assert world.variables() == {"api_version": "2026-09"}


@pytest.mark.parametrize("version", ["", "v1", "2026-03\r\nHost: evil.example", "2026-03 ", "../2026-03", "2026-0３"])
def test_what_is_no_version_of_this_api_is_not_even_tried(version):
    world = World(FACTS)
    with pytest.raises(VersionRefused, match="2026-09"):
        world.pin(version)
    assert world.sent == []


def test_nothing_to_take_back_is_said():
    world = World(FACTS)
    with pytest.raises(VersionRefused, match="no version before"):
        connections.take_back(world.connection, actor=SYSTEM, now=NOW, send=world.send)


def test_a_connection_keeps_the_version_of_the_day_it_was_made():
    world = World(IN_URL)
    assert world.variables() == {"api_version": "v2"}
    CustomProvider.objects.update(facts=IN_URL | {"versions": IN_URL["versions"] | {"default": "v3"}})
    connections.probe(world.connection, actor=SYSTEM, now=NOW, send=world.send)
    assert world.sent == [("https://api.acme.test/v2/me", None)]
    world.pin("v3")
    assert world.sent[-1] == ("https://api.acme.test/v3/me", None)
    with pytest.raises(VersionRefused, match="looks like v3"):
        world.pin("-")
