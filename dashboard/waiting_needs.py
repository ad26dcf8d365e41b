"""Which waiting calls need a person: those that ask for a decision, and lanes that Keylodge itself has paused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Min, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.need import Need, Waiting
from dashboard.words import ago_words, thousands
from integrations.models import HeldCall
from integrations.models.held import OPEN_STATES
from integrations.states import is_one_of

if TYPE_CHECKING:
    from secrets_vault.models import User

State = HeldCall.State
MOST = 50


def waiting_needs(user: User, *, now: datetime) -> Iterator[Waiting]:
    """Yield one need for each connection whose calls wait for a person; in one query."""
    asks = Q(state__in=(State.NEEDS_DECISION, State.FAILED))
    by_us = Q(connection__held_lane__paused_at__isnull=False, connection__held_lane__paused_by="")
    rows = (
        HeldCall.objects.visible_to(user).filter(is_one_of(OPEN_STATES), client__archived_at=None).filter(asks | by_us)
    )
    names = ("connection__slug", "client__name")
    counted = rows.order_by().values(*names).annotate(n=Count("pk"), oldest=Min("held_at")).order_by("-n")
    for row in counted[:MOST]:
        yield Waiting(1, partial(_need, row, now=now))


def _need(row: dict[str, Any], *, now: datetime) -> Need:
    slug = row["connection__slug"]
    title = ngettext("{n} call of {connection} waits for you", "{n} calls of {connection} wait for you", row["n"])
    return Need(
        "warn",
        title.format(n=thousands(row["n"]), connection=slug),
        _("They failed and do not go by themselves: look, then send or discard them."),
        [("waiting",)],
        _("See waiting calls"),
        ago_words(row["oldest"], now=now),
        client_name=row["client__name"],
    )
