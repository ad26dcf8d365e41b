"""What providers take away, and when: the dated changes of the catalogue, on the connections that they hit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Min

from integrations.models import Connection
from integrations.providers.parts import Sunset
from integrations.providers.registry import ProviderNotFound, get_provider
from integrations.providers.shape import Provider
from integrations.status import record
from secrets_vault.actor import Actor
from secrets_vault.models import User

SHOWN_BEFORE = timedelta(days=180)
SHOWN_AFTER = timedelta(days=60)
MOST_GROUPS = 2000


@dataclass(frozen=True)
class Hit:
    """One change of one provider, and how many connections it hits; `slug` is the first of them."""

    provider: Provider
    sunset: Sunset
    on: date
    count: int
    slug: str


def mark_of(sunset: Sunset) -> str:
    """Return what a connection notes once somebody has done what the change asks for."""
    return sunset.on.isoformat() if sunset.on else ""


def hits(sunset: Sunset, kind: str) -> bool:
    """Tell whether a change is about connections of this kind."""
    return not sunset.kinds or kind in sunset.kinds


def is_open(sunset: Sunset, row: Connection) -> bool:
    """Tell whether a change is about this connection and nobody has settled it there."""
    return hits(sunset, row.kind) and mark_of(sunset) not in row.sunsets_done


def coming(user: User, *, today: date) -> Iterator[Hit]:
    """Yield the dated changes that hit a connection this person sees and nobody has settled. One query."""
    rows = Connection.objects.visible_to(user).filter(client__archived_at=None, is_demo=False).exclude(secret=None)
    groups = rows.order_by().values_list("provider_key", "kind", "sunsets_done").annotate(Count("pk"), Min("slug"))
    found: dict[tuple[str, str], Hit] = {}
    for key, kind, done, count, slug in groups[:MOST_GROUPS]:
        for hit in _of(key, kind, done, today=today):
            before = found.get((key, hit.sunset.what))
            total = count + (before.count if before else 0)
            found[key, hit.sunset.what] = Hit(hit.provider, hit.sunset, hit.on, total, before.slug if before else slug)
    yield from sorted(found.values(), key=lambda hit: hit.on)


def _of(key: str, kind: str, done: list[str], *, today: date) -> Iterator[Hit]:
    try:
        provider = get_provider(key) if not key.startswith("custom-") else None
    except ProviderNotFound:
        return
    for sunset in provider.sunsets if provider else ():
        if sunset.on is None or mark_of(sunset) in done or not hits(sunset, kind):
            continue
        if today - SHOWN_AFTER <= sunset.on <= today + SHOWN_BEFORE:
            yield Hit(provider, sunset, sunset.on, 0, "")  # type: ignore[arg-type]


def settle(connection: Connection, mark: str, *, actor: Actor, now: datetime) -> bool:
    """Note that a change is dealt with for this connection; False where the provider has none of that date."""
    provider = get_provider(connection.provider_key)
    if not mark or mark not in {mark_of(sunset) for sunset in provider.sunsets}:
        return False
    with transaction.atomic():
        row = Connection.objects.select_for_update().get(pk=connection.pk)
        if mark not in row.sunsets_done:
            row.sunsets_done = sorted({*row.sunsets_done, mark})
            row.save(update_fields=["sunsets_done"])
            record(row, "connection.sunset_settled", actor=actor, date=mark)
    connection.sunsets_done = row.sunsets_done
    return True
