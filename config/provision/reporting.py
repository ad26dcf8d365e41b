"""A token that reports errors to /api/v1: `[[client.api_token]]`, for which tool and about which connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from config.provision.lines import Path
from config.provision.run import Run
from config.provision.table import Table
from integrations.api import tokens
from integrations.models import ApiToken, Connection
from integrations.models.api import TOOLS
from secrets_vault.models import Client
from secrets_vault.secret import Secret


@dataclass(frozen=True)
class ReporterSpec:
    """One token. `columns` holds only what the file names."""

    path: Path
    name: str
    connection: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)


def read_reporter(table: Table) -> ReporterSpec | None:
    """Return what the file says of one token, None where a part that it needs is missing and was refused."""
    name = table.take_text("name", is_needed=True, longest=120)
    columns = {
        "tool": table.take_choice("tool", [key for key, _said in TOOLS]) if table.has("tool") else None,
        "per_minute": table.take_count("per_minute", most=tokens.MOST_PER_MINUTE),
        "expires_at": table.take_moment("expires_at"),
    }
    connection = table.take_text("connection", longest=73)
    table.finish()
    named = {key: value for key, value in columns.items() if value is not None}
    return ReporterSpec(table.path, name, connection, named) if name else None


def apply_reporter(run: Run, client: Client, spec: ReporterSpec) -> tuple[ApiToken, Secret | None] | None:
    """Make or change one token; return it, with its text where it is new. None when something was refused."""
    columns = dict(spec.columns)
    if spec.connection is not None:
        columns["connection"] = Connection.objects.filter(client=client, slug=spec.connection).first()
        if columns["connection"] is None:
            run.document.refuse((*spec.path, "connection"), f"{client.slug} has no connection {spec.connection}")
            return None
    token = ApiToken.objects.filter(client=client, name=spec.name).select_related("client", "connection").first()
    try:
        if token is None:
            run.note(client.slug, "api_tokens", spec.name)
            return tokens.make(client, spec.name, actor=run.actor, now=run.now, **columns)
        for name in tokens.change(token, actor=run.actor, now=run.now, **columns):
            run.note(client.slug, "api_tokens", spec.name, name)
    except tokens.BadApiToken as refused:
        run.document.refuse(spec.path, str(refused))
        return None
    return token, None
