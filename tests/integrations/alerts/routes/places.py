"""Routes for tests, and a place that takes what is sent to it and remembers it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from integrations.alerts.routes import sealing
from integrations.models import AlertRoute, Connection, ErrorGroup
from integrations.outbound import Answer
from integrations.webhooks.making import new_signing_secret
from secrets_vault.ids import uuid7
from secrets_vault.secret import Secret

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
URLS = {
    "slack": "https://hooks.slack.com/services/T0/B0/xyzzy-canary-1",
    "teams": "https://prod.westeurope.logic.azure.com/workflows/w/triggers/manual?sig=xyzzy-canary-2",
    "discord": "https://discord.com/api/webhooks/1/xyzzy-canary-3",
    "signed": "https://hooks.example.com/xyzzy-canary-4",
    "mail": "ops@example.com",
}


def make_route(channel: str = "slack", *, url: str = "", **fields: Any) -> AlertRoute:
    """Return a route of the whole agency whose address is sealed."""
    fields.setdefault("name", f"#{channel}")
    fields.setdefault("least", "info")
    route = AlertRoute(channel=channel, created_at=fields.pop("created_at", NOW), **fields)
    if channel in URLS or url:
        sealing.seal_address(route, Secret(url or URLS[channel]))
    if channel == "signed":
        sealing.seal_signing(route, new_signing_secret())
    route.save()
    return route


def make_group(connection: Connection, **fields: Any) -> ErrorGroup:
    """Return an error of a connection that was seen three times."""
    fields.setdefault("state", ErrorGroup.State.OPEN)
    at = fields.pop("at", NOW)
    key = fields.pop("key", b"1" * 32)
    return ErrorGroup.objects.create(
        pk=uuid7(int(at.timestamp() * 1000)), key_hash=key, client_id=connection.client_id, connection_id=connection.pk,
        provider_key="hubspot", status=403, code="scope_missing", title="The token lacks a scope", method="GET",
        path_template="/crm/v3/objects/deals", cause="It lacks crm.objects.deals.read.", remedy="Consent again.",
        who="client", count=3, first_seen_at=at, last_seen_at=at, last_call_id=connection.pk, **fields,
    )  # fmt: skip


class Place:
    """Answers what it was told to, in turn, the last for ever; keeps what was sent."""

    def __init__(self, *answers: int | Answer | Exception) -> None:
        self.answers = list(answers) or [200]
        self.sent: list[tuple[str, str, dict[str, str], Any]] = []
        self.during: Callable[[], None] = lambda: None

    def __call__(self, method: str, url: str, **about: Any) -> Answer:
        headers = {name.decode().lower(): value.decode() for name, value in about["headers"]}
        self.sent.append((method, url, headers, about["body"]))
        self.during()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, (), b"") if isinstance(answer, int) else answer

    @property
    def payloads(self) -> list[Any]:
        """Return the bodies, read."""
        return [json.loads(body) for _method, _url, _headers, body in self.sent]
