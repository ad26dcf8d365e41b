"""The rotation board of every client, read lightly: pages look at 2,000 secrets to show a dozen or a hundred."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from uuid import UUID

from dashboard.light import LightEnvironment
from integrations import rotation_days
from secrets_vault import rotation
from secrets_vault.models import StoredSecret
from secrets_vault.rotation import BoardRow

if TYPE_CHECKING:
    from secrets_vault.models import Client, User


@dataclass(slots=True)
class LightSecret:
    """What a list shows of a secret and what decides when it is due; in the place of a StoredSecret.

    It is its own current version: one object less for each of ten thousand.
    """

    pk: UUID
    label: str
    kind: str
    provider_key: str
    client: Client | None
    environment: LightEnvironment | None
    owner_name: str
    made_on: date | None
    expires_at: datetime | None
    rotate_on: date | None
    rotate_after_days: int | None
    snoozed_until: date | None
    snooze_reason: str
    deleted_at: None = None
    provider_name: str = ""

    @property
    def current(self) -> LightSecret:
        """Return what says how old the secret is, as a StoredSecret has it."""
        return self

    @property
    def client_id(self) -> UUID | None:
        """Return the client's id, as a StoredSecret has it."""
        return self.client.pk if self.client else None


COLUMNS = (
    "pk", "label", "kind", "provider_key", "client__slug", "environment__slug", "environment__is_production",
    "owner_name", "owner__name", "owner__email", "current__made_on", "current__expires_at",
    "rotate_on", "rotate_after_days", "snoozed_until", "snooze_reason",
)  # fmt: skip


def light_board(user: User, clients: Iterable[Client], today: date) -> list[BoardRow]:
    """Return what `rotation.board` returns, soonest first, in one query and without making models.

    `clients` are those this person sees; what belongs to any other (an archived one) is left out.
    """
    by_slug: dict[str | None, Client | None] = {client.slug: client for client in clients} | {None: None}
    rows = StoredSecret.objects.visible_to(user).filter(deleted_at=None, current__isnull=False).order_by()
    days, found = rotation_days.by_provider(), []
    for row in rows.exclude(kind__in=rotation.RENEWED_BY_MACHINE).values_list(*COLUMNS):
        if row[4] not in by_slug:
            continue
        stored = cast(StoredSecret, _light(row, by_slug[row[4]]))
        if when := rotation.due(stored, today, provider_days=days):
            found.append(BoardRow(stored, when))
    return rotation.in_order(found)


def _light(row: tuple, client: Client | None) -> LightSecret:
    pk, label, kind, key, _, env_slug, is_production, name, user_name, email, *rest = row
    environment = _environment(env_slug, is_production) if env_slug else None
    return LightSecret(pk, label, kind, key, client, environment, name or user_name or email or "", *rest)


@lru_cache(maxsize=100)
def _environment(slug: str, is_production: bool) -> LightEnvironment:
    return LightEnvironment(slug, is_production)
