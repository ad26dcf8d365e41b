"""A gateway token of the file: `[[client.gateway_token]]`, what it opens and within which limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from config.provision.lines import Path
from config.provision.table import Table
from config.provision.trusting import read_issuer
from config.provision.written import take_each, take_networks
from integrations import tokens
from integrations.trusted_issuers import Terms
from integrations.web_origins import is_origin

METHOD = re.compile(r"[A-Z][A-Z-]{0,15}")


@dataclass(frozen=True)
class TokenSpec:
    """One gateway token. `limits` holds only what the file names."""

    path: Path
    name: str
    connections: tuple[str, ...]
    limits: dict[str, Any]
    issuers: tuple[tuple[Table, Terms], ...] = ()


def read_token(table: Table) -> TokenSpec | None:
    """Return what the file says of one token, None where a part that it needs is missing and was refused."""
    name = table.take_text("name", is_needed=True, longest=120)
    connections = table.take_texts("connections", is_needed=True)
    if connections == []:
        table.refuse("connections", "must name at least one")
    limits = {
        "methods": take_each(table, "methods", lambda text: bool(METHOD.fullmatch(text)), 'must be such as "GET"'),
        "paths": take_each(table, "paths", _is_pattern, "must start with / or *, in ASCII without spaces"),
        "ip_ranges": take_networks(table, "ip_ranges"),
        "expires_at": table.take_moment("expires_at"),
        "min_gap_s": table.take_seconds("min_gap_s", least=tokens.SHORTEST_GAP_S, most=tokens.LONGEST_GAP_S),
        "max_wait_s": table.take_seconds("max_wait_s", least=0, most=tokens.LONGEST_WAIT_S),
        "origins": take_each(table, "origins", is_origin, 'must be such as "https://app.example.com"'),
        "keep_failed": table.take("keep_failed", bool, "true or false"),
        "serve_stale": table.take("serve_stale", bool, "true or false"),
    } | {key: table.take_count(key) for key in ("per_minute", "per_day", "max_uses")}
    issuers = tuple(read_issuer(row) for row in table.take_tables("trusted_issuer"))
    table.finish()
    if name is None or not connections:
        return None
    named = {key: value for key, value in limits.items() if value is not None}
    return TokenSpec(table.path, name, tuple(connections), named, issuers)


def _is_pattern(text: str) -> bool:
    return text.startswith(("/", "*")) and text.isascii() and text.isprintable() and " " not in text
