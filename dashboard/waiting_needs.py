"""Which waiting calls need a person: those that ask for a decision, and lanes that Keylodge itself has paused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def waiting_lanes(user: User) -> list[dict[str, Any]]:
    """Return of each connection how many of its calls are open, how many wait for a person, and since when.

    One query, for the needs and for the number in the rail.
    """
    asks = Q(state__in=(State.NEEDS_DECISION, State.FAILED))
    by_us = Q(connection__held_lane__paused_at__isnull=False, connection__held_lane__paused_by="")
    for_a_person = Q(asks | by_us, client__archived_at=None)
    rows = HeldCall.objects.visible_to(user).filter(is_one_of(OPEN_STATES)).order_by()
    return list(
        rows.values("connection__slug", "client__name").annotate(
            open=Count("pk"), n=Count("pk", filter=for_a_person), oldest=Min("held_at", filter=for_a_person)
        )
    )


def waiting_needs(lanes: Iterable[dict[str, Any]], *, now: datetime) -> Iterator[Waiting]:
    """Yield one need for each connection whose calls wait for a person, those with most calls first."""
    asking = sorted((row for row in lanes if row["n"]), key=lambda row: -row["n"])
    for row in asking[:MOST]:
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
