"""The test calls of this session: what was asked and what came of it, without bodies, headers or secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.gateway.console import Tried
from integrations.models import Connection
from integrations.providers.shape import Provider

if TYPE_CHECKING:
    from dashboard.render import PageRequest

MOST = 10
MOST_PATHS = 20
KEY = "tried_calls"


def remember(request: PageRequest, connection: Connection, tried: Tried, *, method: str, now: datetime) -> None:
    """Keep the newest ten of a connection; the path is kept as the log has it, masked."""
    everything: dict[str, Any] = request.session.get(KEY, {})
    line = {
        "id": str(tried.request_id),
        "at": now.isoformat(),
        "method": method,
        "path": tried.path[:200],
        "status": tried.status,
        "ms": round(tried.total_ms),
    }
    mine = [line, *everything.pop(connection.slug, [])][:MOST]
    others = dict(list(everything.items())[-MOST + 1 :])
    request.session[KEY] = {**others, connection.slug: mine}


def tried_before(request: PageRequest, connection: Connection) -> list[dict[str, Any]]:
    """Return the test calls of this session, the newest first."""
    lines = request.session.get(KEY, {}).get(connection.slug, [])
    return [{**line, "at": parse_datetime(line["at"]) or timezone.now()} for line in lines]


def pretty(body: str) -> str:
    """Return JSON with its levels indented; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def paths_of(provider: Provider) -> Sequence[str]:
    """Return paths to begin with, from the provider's facts: its cheapest call, its batches, what scopes open."""
    return list(dict.fromkeys(_paths(provider)))[:MOST_PATHS]


def _paths(provider: Provider) -> Iterator[str]:
    base = urlsplit(provider.base_url).path.rstrip("/")
    if provider.probe and not provider.probe.url:
        yield provider.probe.path
    whole = [batch.many for batch in provider.batch]
    whole += [path for paths in provider.scope_paths.values() for path in paths]
    for path in whole:
        plain = path.removesuffix("/*")
        if "*" not in plain and "{" not in plain and plain.startswith("/"):
            yield plain.removeprefix(base) or "/"
