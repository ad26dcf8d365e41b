"""The rotation board of every client, read lightly: pages look at 2,000 secrets to show a dozen or a hundred."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from uuid import UUID

from dashboard.light import LightEnvironment, SeenClient, hex_of
from integrations import rotation_days
from secrets_vault import rotation
from secrets_vault.models import StoredSecret
from secrets_vault.rotation import BoardRow

if TYPE_CHECKING:
    from secrets_vault.models import User


@dataclass(slots=True)
class LightSecret:
    """What a list shows of a secret and what decides when it is due; in the place of a StoredSecret.

    It is its own current version: one object less for each of ten thousand.
    """

    hex: str
    label: str
    kind: str
    provider_key: str
    client: SeenClient | None
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
    def pk(self) -> UUID:
        """Return the id, as a StoredSecret has it: of thousands of rows, the few that are shown are asked for it."""
        return UUID(self.hex)

    @property
    def current(self) -> LightSecret:
        """Return what says how old the secret is, as a StoredSecret has it."""
        return self

    @property
    def client_id(self) -> UUID | None:
        """Return the client's id, as a StoredSecret has it."""
        return self.client.pk if self.client else None


COLUMNS = (
    "hex", "label", "kind", "provider_key", "client_hex", "environment__slug", "environment__is_production",
    "owner_name", "owner__name", "owner__email", "current__made_on", "current__expires_at",
    "rotate_on", "rotate_after_days", "snoozed_until", "snooze_reason",
)  # fmt: skip


def light_board(user: User, clients: Iterable[SeenClient], today: date) -> list[BoardRow]:
    """Return what `rotation.board` returns, soonest first, in one query and without making models.

    `clients` are those this person sees; what belongs to any other (an archived one) is left out.
    """
    by_id: dict[str | None, SeenClient | None] = {client.pk.hex: client for client in clients} | {None: None}
    rows = StoredSecret.objects.visible_to(user).filter(deleted_at=None, current__isnull=False).order_by()
    rows = rows.exclude(kind__in=rotation.RENEWED_BY_MACHINE).annotate(hex=hex_of("pk"), client_hex=hex_of("client_id"))
    days, found = rotation_days.by_provider(), []
    for row in rows.values_list(*COLUMNS):
        if row[4] not in by_id:
            continue
        stored = cast(StoredSecret, _light(row, by_id[row[4]]))
        if when := rotation.due(stored, today, provider_days=days):
            found.append(BoardRow(stored, when))
    return sorted(found, key=lambda row: rotation.place_of(row, row.stored.hex))  # type: ignore[attr-defined]


def _light(row: tuple, client: SeenClient | None) -> LightSecret:
    hex, label, kind, key, _, env_slug, is_production, name, user_name, email, *rest = row
    environment = _environment(env_slug, is_production) if env_slug else None
    return LightSecret(hex, label, kind, key, client, environment, name or user_name or email or "", *rest)


@lru_cache(maxsize=100)
def _environment(slug: str, is_production: bool) -> LightEnvironment:
    return LightEnvironment(slug, is_production)
