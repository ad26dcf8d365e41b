"""A probe's answer is read as the provider means it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import pytest

from integrations import outbound
from integrations.probe_call import ProbeAnswer, call_probe
from integrations.providers.registry import get_provider
from secrets_vault.secret import Secret

# As OpenAI answers a restricted key (continuedev/continue issue 10059, 2026-01-31).
RESTRICTED = (
    b'{"error":{"message":"You have insufficient permissions for this operation. Missing scopes: api.model.read."}}'
)


@pytest.mark.parametrize(
    ("key", "status", "body", "proves"),
    [
        ("openai", 200, b'{"data":[]}', True),
        ("openai", 401, RESTRICTED, True),
        ("openai", 403, RESTRICTED, True),
        ("openai", 401, b'{"error":{"code":"invalid_api_key"}}', False),
        ("openai", 500, RESTRICTED, False),
        ("slack", 200, b'{"ok":true}', True),
        ("slack", 200, b'{"ok":false,"error":"invalid_auth"}', False),
        ("google_sheets", 404, b"{}", True),
        ("google_sheets", 401, b"{}", False),
        ("stripe", 403, b"{}", True),
        ("stripe", 401, b"{}", False),
    ],
)
def test_a_restricted_credential_is_told_from_a_dead_one(key: str, status: int, body: bytes, proves: bool) -> None:
    assert ProbeAnswer(status, body).proves(get_provider(key)) is proves


@pytest.mark.parametrize(
    ("key", "kind", "fields", "target", "body"),
    [
        ("linear", "api_key", {"api_key": "K"}, "/graphql", b'{"query":"{viewer{id name}}"}'),
        ("mandrill", "api_key", {"api_key": "K"}, "/api/1.0/users/ping2.json", b'{"key": "K"}'),
        ("telegram_bot", "api_key", {"api_key": "1:K"}, "/bot1:K/getMe", None),
        ("lemlist", "api_key", {"api_key": "K"}, "/api/team", None),
    ],
)
def test_a_probe_goes_out_as_the_facts_say(
    key: str, kind: str, fields: dict[str, str], target: str, body: bytes | None
) -> None:
    seen: list[Any] = []

    def send(method: str, url: str, **more: Any) -> Any:
        seen.append((url, more))
        raise outbound.Unreachable("no network in a test")

    call_probe(get_provider(key).render({}), kind, {name: Secret(value) for name, value in fields.items()}, send=send)
    url, more = seen[0]
    headers = {name.lower(): value for name, value in more["headers"]}
    assert urlsplit(url).path == target
    assert more["body"] == body
    assert (headers.get(b"content-type") == b"application/json") == (body is not None)
    if key == "lemlist":
        assert headers[b"authorization"] == b"Basic " + b64encode(b":K")
