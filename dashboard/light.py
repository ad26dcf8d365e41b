"""Rows as lists show them: of the hundreds that are read, most are only counted or sorted, so none is a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db.models import CharField, Func, Value
from django.db.models.functions import Cast, Replace

from integrations.models import Connection
from secrets_vault.models import Client

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from secrets_vault.models import User


class LightClient(NamedTuple):
    """What a list shows of a client."""

    slug: str
    name: str


class SeenClient(NamedTuple):
    """What pages over all clients show of each, and what decides when its secrets are due."""

    pk: UUID
    slug: str
    name: str
    is_demo: bool
    is_sandbox: bool
    rotate_after_days: int | None
    snoozed_until: date | None
    snooze_reason: str

    def __str__(self) -> str:
        return self.name


def seen_clients(user: User) -> list[SeenClient]:
    """Return the clients this person sees, without the archived ones."""
    rows = Client.objects.visible_to(user).filter(archived_at=None)
    return [SeenClient._make(row) for row in rows.values_list(*SeenClient._fields)]


class LightEnvironment(NamedTuple):
    """What a badge shows of an environment."""

    slug: str
    is_production: bool


@dataclass(slots=True)
class LightConnection:
    """What a list shows of a connection; in the place of a Connection. `provider_name` comes from `name_providers`."""

    pk: UUID
    client_id: UUID
    slug: str
    provider_key: str
    status: str
    status_since: datetime | None
    refresh_expires_at: datetime | None
    account_unconfirmed: bool
    client: LightClient
    environment: LightEnvironment
    provider_name: str = ""

    def get_status_display(self) -> str:
        """Return the status in words, as a Connection has it."""
        return str(Connection.Status(self.status).label)


COLUMNS = (
    "pk", "client_id", "slug", "provider_key", "status", "status_since", "refresh_expires_at", "account_unconfirmed",
    "client__slug", "client__name", "environment__slug", "environment__is_production",
)  # fmt: skip


def hex_of(column: str) -> Func:
    """Return an id as 32 hex digits, whichever the database: of thousands of rows, UUIDs are made of those shown."""
    return Replace(Cast(column, CharField()), Value("-"), Value(""))


def light_connections(rows: QuerySet[Connection]) -> list[LightConnection]:
    """Read connections in one query and a third of the time that models take."""
    return [light_connection(row) for row in rows.values_list(*COLUMNS)]


def light_connection(row: Sequence[Any]) -> LightConnection:
    """Make one of its `COLUMNS`."""
    pk, client_id, slug, provider_key, status, since, expires_at, unconfirmed, *client, env_slug, is_production = row
    environment = LightEnvironment(env_slug, is_production)
    return LightConnection(
        pk, client_id, slug, provider_key, status, since, expires_at, unconfirmed, LightClient(*client), environment
    )
