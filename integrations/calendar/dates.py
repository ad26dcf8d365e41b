"""Every date that a feed shows: rotations, expiries, ends of consents, ends of links, and what vendors take away.

Nothing of the sandbox or the demo is among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from integrations import rotation_days
from integrations.models import CalendarFeed, ClientLink, Connection
from integrations.providers.gone import shown_provider
from integrations.sunsets import is_open
from secrets_vault import rotation
from secrets_vault.models import Client, StoredSecret

BACK = timedelta(days=90)
"""How far back a feed reaches: a calendar drops what a feed no longer names."""
MOST = 5_000


@dataclass(frozen=True)
class Dated:
    """One date. `on` is a day for what is due all day, or a moment. `uid` never changes for the same thing."""

    uid: str
    on: date | datetime
    title: str
    text: str
    path: str
    written_at: datetime


def dates_of(feed: CalendarFeed, *, now: datetime) -> list[Dated]:
    """Return what stands in a feed, soonest first."""
    clients = _clients(feed)
    kept = Q(client__in=clients) | (
        Q(client=None) if feed.client is None and feed.user is not None and feed.user.is_owner else Q()
    )
    secrets = StoredSecret.objects.filter(kept, deleted_at=None, current__isnull=False)
    secrets = secrets.select_related("client", "environment", "current").exclude(pk__in=_of_the_sandbox())
    found = [*_rotations(secrets, now=now), *_expiries(secrets, now=now)]
    found += [*_consents(clients, now=now), *_links(clients, now=now), *_sunsets(clients, now=now)]
    return sorted(found, key=lambda one: (_as_moment(one.on), one.uid))[:MOST]


def _as_moment(on: date | datetime) -> datetime:
    return on if isinstance(on, datetime) else datetime(on.year, on.month, on.day, tzinfo=UTC)


def _clients(feed: CalendarFeed) -> Any:
    real = Q(archived_at=None, is_sandbox=False, is_demo=False)
    if feed.client is not None:
        return Client.objects.filter(real, pk=feed.client.pk)
    return Client.objects.visible_to(feed.user).filter(real)


def _of_the_sandbox() -> Any:
    return Connection.objects.filter(is_sandbox=True, secret__isnull=False).values("secret")


def _whose(stored: StoredSecret) -> str:
    return stored.client.name if stored.client is not None else _("Your agency")


def _rotations(secrets: Any, *, now: datetime) -> Iterator[Dated]:
    days, today = rotation_days.by_provider(), now.date()
    text = _("Due by the rule: make a new value at the provider, store it, end the old one.")
    for stored in secrets:
        due = rotation.due(stored, today, provider_days=days)
        # An age that is not known is due "now", every day anew: that is no date. An expiry stands for itself.
        if due is not None and due.rule not in (rotation.Rule.AGE_UNKNOWN, rotation.Rule.EXPIRY):
            title = _("Rotate {label} ({client})").format(label=stored.label, client=_whose(stored))
            path = f"/vault/{stored.pk}/"
            yield Dated(f"rotation-{stored.pk}", due.on, title, text, path, stored.current.created_at)


def _expiries(secrets: Any, *, now: datetime) -> Iterator[Dated]:
    text = _("The provider ends it at this moment.")
    ending = secrets.filter(current__expires_at__gt=now - BACK).exclude(kind__in=rotation.RENEWED_BY_MACHINE)
    for stored in ending:
        title = _("{label} expires ({client})").format(label=stored.label, client=_whose(stored))
        path, written_at = f"/vault/{stored.pk}/", stored.current.created_at
        yield Dated(f"expiry-{stored.pk}", stored.current.expires_at, title, text, path, written_at)


def _consents(clients: Any, *, now: datetime) -> Iterator[Dated]:
    rows = Connection.objects.filter(client__in=clients, refresh_expires_at__gt=now - BACK, is_sandbox=False)
    text = _("Reconnect it before then.")
    for row in rows.select_related("client"):
        title = _("Consent of {name} ends ({client})").format(name=row, client=row.client.name)
        at = row.connected_at or row.created_at
        yield Dated(f"consent-{row.pk}", row.refresh_expires_at, title, text, f"/connections/{row.slug}/", at)


def _links(clients: Any, *, now: datetime) -> Iterator[Dated]:
    living = {"used_at": None, "revoked_at": None, "expires_at__gt": now - BACK}
    rows = ClientLink.objects.filter(client__in=clients, **living).select_related("client")
    text = _("What it asks for is still open.")
    for link in rows.exclude(connection__is_sandbox=True):
        title = _("Link for {client} ends").format(client=link.client.name)
        yield Dated(f"link-{link.pk}", link.expires_at, title, text, f"/links/{link.pk}/", link.created_at)


def _sunsets(clients: Any, *, now: datetime) -> Iterator[Dated]:
    rows = Connection.objects.filter(client__in=clients, is_sandbox=False, is_demo=False).select_related("client")
    for row in rows:
        for sunset in shown_provider(row).sunsets:
            if sunset.on is None or sunset.on < (now - BACK).date() or not is_open(sunset, row):
                continue
            title = f"{row.client.name}, {row}: {_(sunset.what)}"
            path, source = f"/connections/{row.slug}/", sunset.source
            uid = f"sunset-{row.pk}-{sha256(sunset.what.encode()).hexdigest()[:12]}"
            yield Dated(uid, sunset.on, title, source, path, row.created_at)
