"""What providers are about to take away, on Today: each change once, with how many connections it hits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.need import Need, Waiting
from integrations.sunsets import Hit, coming

if TYPE_CHECKING:
    from secrets_vault.models import User

SOON_DAYS = 30


def sunset_needs(user: User, *, now: datetime) -> Iterator[Waiting]:
    """Yield the coming changes; one that has come or comes within a month ranks with what is due soon. One query."""
    today = now.date()
    for hit in coming(user, today=today):
        yield Waiting(5 if (hit.on - today).days <= SOON_DAYS else 6, partial(_need, hit, now=now))


def _need(hit: Hit, *, now: datetime) -> Need:
    days = (hit.on - now.date()).days
    title = _("{name} changes on {day}").format(name=hit.provider.name, day=date_format(hit.on, _("j M Y")))
    count = ngettext("It hits {n} connection.", "It hits {n} connections.", hit.count).format(n=hit.count)
    when = ngettext("in {n} day", "in {n} days", days).format(n=days) if days >= 0 else _("it has come")
    return Need(
        "warn" if days <= SOON_DAYS else "info",
        title,
        f"{_(hit.sunset.what)} {count}",
        [("connection", hit.slug)],
        _("See what to do"),
        when,
        provider_key=hit.provider.key,
        provider_name=hit.provider.name,
    )
