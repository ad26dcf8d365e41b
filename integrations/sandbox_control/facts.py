"""The sandbox's three providers as facts: the vendors' own, at the sandbox's address."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from integrations.providers.custom import custom_from
from integrations.providers.registry import get_provider

KEYS = {"hubspot": "custom-sandbox-hubspot", "openai": "custom-sandbox-openai", "stripe": "custom-sandbox-stripe"}
NAMES = {"hubspot": "HubSpot (sandbox)", "openai": "OpenAI (sandbox)", "stripe": "Stripe (sandbox)"}
PROBES = {
    "hubspot": {"method": "GET", "path": "/account-info/v3/details"},
    "openai": {"method": "GET", "path": "/models"},
    "stripe": {"method": "GET", "path": "/v1/balance"},
}
PATHS = {"hubspot": "/hubspot", "openai": "/openai/v1", "stripe": "/stripe"}


def facts(name: str, line: dict[str, Any], *, today: date) -> dict[str, Any]:
    """Return the facts of one provider from the sandbox's first line: shaped like the real one, checked."""
    real = get_provider(name)
    table = {"base_url": line["url"] + PATHS[name]}
    more: dict[str, Any] = {
        "category": real.category,
        "monogram": real.tile,
        "probe": PROBES[name],
        "identity": asdict(real.identity),
        "key_formats": _as_json(real.key_formats),
        "scope_words": dict(real.scope_words),
        "scope_paths": {scope: list(paths) for scope, paths in real.scope_paths.items()},
        "limits": _as_json(real.limits),
        "rate_limit_dialect": real.rate_limit_dialect,
        "limit_signals": _as_json(real.limit_signals),
        "never_repeat": list(real.never_repeat),
        "errors_like": name,
        "retries_500": True,
    }
    if real.idempotency is not None:
        more["idempotency"] = _as_json([real.idempotency])[0]
    if name == "hubspot":
        table |= {key: line[key] for key in ("authorize_url", "token_url", "revoke_url")}
        more["oauth"] = _oauth(line)
    return custom_from(table, key=KEYS[name], name=NAMES[name], today=today, where="sandbox", **more)


def _oauth(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "introspect_url": line["introspect_url"],
        "default_scopes": list(line["required_scopes"]),
        "optional_scope_param": "optional_scope",
        "granted_scopes_at": "scopes",
        "pkce": "supported",
        "access_token_ttl_s": 1800,
        "refresh": {"issued": True, "rotates": False, "dead_codes": ["invalid_grant", "BAD_REFRESH_TOKEN"]},
    }


def _as_json(records: Any) -> list[dict[str, Any]]:
    """Return records as a file would spell them: lists for tuples."""
    return [
        {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(record).items()}
        for record in records
    ]
