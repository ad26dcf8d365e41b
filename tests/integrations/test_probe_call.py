"""A probe's answer is read as the provider means it."""

from __future__ import annotations

import pytest

from integrations.probe_call import ProbeAnswer
from integrations.providers.registry import get_provider

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
