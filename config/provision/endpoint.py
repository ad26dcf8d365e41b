"""A webhook endpoint as the file describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from config.provision.lines import Path
from config.provision.sources import Sources, take_secret
from config.provision.table import Table
from config.provision.written import take_networks, take_slug
from integrations.webhooks.endpoints import NO_VERIFICATION
from integrations.webhooks.making import SLUG_LENGTH, CannotMakeEndpoint, checked_url
from integrations.webhooks.schemes.shape import CUSTOM
from integrations.webhooks.targets import MOST_TARGETS
from secrets_vault.secret import Secret


@dataclass(frozen=True)
class EndpointSpec:
    """One endpoint. What is None is not named by the file and is left alone."""

    path: Path
    slug: str
    scheme: str
    custom: dict[str, Any] | None = None
    environment: str | None = None
    secret: Secret | None = None
    made_on: date | None = None
    rotate_after_days: int | None = None
    forward_to: tuple[Secret, ...] | None = None
    columns: dict[str, Any] = field(default_factory=dict)


def read_endpoint(table: Table, sources: Sources) -> EndpointSpec | None:
    """Return what the file says of one endpoint, None when a part that it needs was refused."""
    slug = take_slug(table, "slug", longest=SLUG_LENGTH)
    scheme = table.take_text("scheme", is_needed=True, longest=80)
    if scheme == NO_VERIFICATION:
        table.refuse("scheme", "an endpoint that verifies nothing is made on its page only")
    custom = table.take("custom", dict, "a table")
    if scheme is not None and (scheme == CUSTOM) != table.has("custom"):
        table.refuse("custom", 'the table and scheme = "custom" belong together')
    columns = {
        "name": table.take_text("name", longest=120),
        "ip_ranges": take_networks(table, "ip_ranges"),
        "per_minute": table.take_count("per_minute"),
    }
    found = EndpointSpec(
        table.path,
        slug or "",
        scheme or "",
        custom=custom,
        environment=table.take_text("environment", longest=40),
        secret=take_secret(table, "secret", sources, has_lines=True),
        made_on=table.take_date("made_on"),
        rotate_after_days=table.take_count("rotate_after_days", most=730),
        forward_to=_forward_to(table),
        columns={name: value for name, value in columns.items() if value is not None},
    )
    table.finish()
    return found if slug and scheme else None


def _forward_to(table: Table) -> tuple[Secret, ...] | None:
    """Return the addresses to hand on to. They are capabilities: a refusal does not repeat them."""
    urls = table.take_texts("forward_to")
    if urls is None:
        return None
    if len(urls) > MOST_TARGETS:
        table.refuse("forward_to", f"must name at most {MOST_TARGETS} addresses")
        return None
    addresses = tuple(Secret(url.strip()) for url in urls)
    try:
        for address in addresses:
            checked_url(address)
    except CannotMakeEndpoint as refused:
        table.refuse(refused.field, str(refused))
        return None
    return addresses
