"""Providers that do not answer, on Today: each once, with how many of a person's connections wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.need import Need, Waiting
from dashboard.words import ago_words
from integrations import outages
from integrations.models import Outage

if TYPE_CHECKING:
    from integrations.models import Connection
    from secrets_vault.models import User

MOST = 20


def outage_needs(user: User, *, now: datetime) -> Iterator[Waiting]:
    """Yield the providers that do not answer, where a person sees a connection to them. One query while all do."""
    for outage in Outage.objects.filter(is_open=True)[:MOST]:
        hit = outages.hit_by(outage, user=user)
        if hit:
            yield Waiting(1, partial(_need, outage, hit, now=now))


def _need(outage: Outage, hit: list[Connection], *, now: datetime) -> Need:
    first, count = hit[0], len(hit)
    said = ngettext(
        "Calls of {n} connection are refused at once until it does.",
        "Calls of {n} connections are refused at once until it does.",
        count,
    )
    return Need(
        "bad",
        _("{host} does not answer").format(host=outage.host),
        said.format(n=count),
        [("connection", first.slug)],
        _("See when it is tried next"),
        ago_words(outage.opened_at, now=now),
        client_name=first.client.name if count == 1 else "",
        environment=first.environment if count == 1 else None,
        provider_key=first.provider_key,
    )
