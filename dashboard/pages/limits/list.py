"""Limits: how much of each quota is used, tightest first; the last 24 hours; who used it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django import forms
from django.db import transaction
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.csv import csv_response
from dashboard.documented import documented_of, providers_of
from dashboard.forms import FilterForm
from dashboard.health import lightly
from dashboard.names import name_providers, provider_names
from dashboard.quotas import Place, Quota, Use, documented_quotas, places_of, told_percents, told_quotas, use_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import Connection
from integrations.providers.limit_facts import Limit
from secrets_vault import audit
from secrets_vault.models import Client

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

SHOWN = 24
MOST_SHOWN = 200


class LimitFilter(FilterForm):
    """Client, environment and provider."""

    client = forms.ChoiceField(required=False)
    environment = forms.ChoiceField(required=False)
    provider = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connections = Connection.objects.visible_to(user).filter(client__archived_at=None).order_by()
        found = set(connections.values_list("provider_key", "environment__slug").distinct())
        names = provider_names({provider for provider, _ in found})
        clients = Client.objects.visible_to(user).filter(archived_at=None).order_by("name")
        self.offer("client", _("Every client"), list(clients.values_list("slug", "name")))
        self.offer("environment", _("Every environment"), sorted({(slug, slug) for _, slug in found}))
        self.offer("provider", _("Every provider"), sorted(names.items(), key=lambda row: row[1].lower()))

    def offer(self, name: str, every: str, choices: list[tuple[str, str]]) -> None:
        """Put the choices of a field."""
        self.fields[name].choices = [("", every), *choices]  # type: ignore[attr-defined]


@dataclass
class Card:
    """One connection: its quotas, tightest first, and its last 24 hours."""

    connection: Any
    quotas: list[Quota]
    can_manage: bool
    documented: list[Limit] = field(default_factory=list)
    use: Use = field(default_factory=Use)

    @property
    def used_percent(self) -> float:
        """Return the share of its tightest quota."""
        return self.quotas[0].used_percent if self.quotas else 0.0


def limits(request: PageRequest) -> HttpResponseBase:
    """Show the connections nearest to a limit first."""
    now = timezone.now()
    filters = LimitFilter(request.GET, user=request.user)
    chosen = filters.chosen()
    board = board_of(request.user, chosen, now=now)
    if request.GET.get("format") == "csv":
        return _export(request, board, now=now)
    most = MOST_SHOWN if request.GET.get("all") else SHOWN
    shown = cards_of(request.user, [place for place, _ in board.rows[:most]], board.own, now=now)
    context = {
        "filters": filters,
        "cards": shown,
        "count": len(board.rows),
        "near_count": sum(1 for place, used_percent in board.rows if used_percent >= place.slow_down_percent),
        "is_filtered": bool(chosen),
        "is_cut": len(board.rows) > len(shown),
        "now": now,
    }
    return render_page(request, "dashboard/limits/list.html", context, part="cards")


CSV_HEADER = (
    "client", "environment", "connection", "provider", "quota", "used", "limit", "used percent", "slow-down percent",
    "window s", "resets at", "read at", "source", "used up at this pace",
)  # fmt: skip


def _export(request: PageRequest, board: Board, *, now: datetime) -> HttpResponseBase:
    """Return every quota of the connections that the filter asks for, and say so in the book."""
    with transaction.atomic():
        audit.record("export.made", actor=actor_of(request), label="Limits as CSV")
    return csv_response("limits", CSV_HEADER, _lines(request.user, board, now=now))


def _lines(user: User, board: Board, *, now: datetime) -> Iterator[tuple[object, ...]]:
    for few in batched([place for place, _percent in board.rows], MOST_SHOWN, strict=False):
        for card in cards_of(user, list(few), board.own, now=now):
            one = card.connection
            where = one.client.name, one.environment.slug, one.slug, one.provider_key
            for quota in card.quotas:
                ahead = quota.forecast
                yield (
                    *where, quota.words, quota.used, quota.limit, round(quota.used_percent, 1), one.slow_down_percent,
                    quota.window_s, _iso(quota.resets_at), _iso(quota.read_at), quota.source,
                    _iso(ahead.at) if ahead is not None and ahead.is_used_up else "",
                )  # fmt: skip


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at is not None else ""


class Board(NamedTuple):
    """The connections with a known quota and how much of it is used, and the quotas that we count ourselves."""

    rows: list[tuple[Place, float]]
    own: Mapping[UUID, list[Quota]]


def board_of(user: User, chosen: dict[str, Any], *, now: datetime) -> Board:
    """Return the connections with a known quota and how much of it is used, the tightest first."""
    places = places_of(_asked_for(Connection.objects.visible_to(user), chosen))
    percents = told_percents(user, now=now)
    own: defaultdict[UUID, list[Quota]] = defaultdict(list)
    for quota in documented_quotas([place for place in places if place.hex not in percents], now=now):
        own[quota.connection_id].append(quota)
    percents |= {pk.hex: max(quota.used_percent for quota in quotas) for pk, quotas in own.items()}
    found = [(place, percents[place.hex]) for place in places if place.hex in percents]
    return Board(sorted(found, key=lambda row: -row[1]), own)


def cards_of(user: User, places: list[Place], own: Mapping[UUID, list[Quota]], *, now: datetime) -> list[Card]:
    """Return all there is to show of a few connections, in their order. `own` are the quotas we count ourselves."""
    ids = [place.pk for place in places]
    connections = lightly(Connection.objects.visible_to(user)).in_bulk(ids)
    by_connection: defaultdict[UUID, list[Quota]] = defaultdict(list)
    told = told_quotas(ids, now=now)
    known = {quota.connection_id for quota in told}
    quotas = [*told, *(quota for pk in ids for quota in own.get(pk, ()))]
    for quota in sorted(quotas, key=lambda quota: -quota.used_percent):
        by_connection[quota.connection_id].append(quota)
    name_providers(connections.values())
    uses, manageable = use_of(ids, user, now=now), _manageable(user, connections.values())
    found = (connections[pk] for pk in ids if pk in connections)
    documented = said_of([place for place in places if place.pk in known])
    return [
        Card(one, by_connection[one.pk], one.client_id in manageable, documented.get(one.pk, []), uses[one.pk])
        for one in found
    ]


def said_of(places: list[Place]) -> dict[UUID, list[Limit]]:
    """Return what providers document, to stand beside what their answers told."""
    providers = providers_of(place.provider_key for place in places)
    return {
        place.pk: documented_of(providers.get(place.provider_key), kind=place.kind, is_production=place.is_production)
        for place in places
    }


def _manageable(user: User, connections: Iterable[Any]) -> set[UUID]:
    clients = Client.objects.manageable_by(user).filter(pk__in={connection.client_id for connection in connections})
    return set(clients.values_list("pk", flat=True))


def _asked_for(rows: VisibleQuerySet, chosen: dict[str, Any]) -> VisibleQuerySet:
    rows = rows.filter(client__archived_at=None)
    names = (("client", "client__slug"), ("environment", "environment__slug"), ("provider", "provider_key"))
    return rows.filter(**{lookup: chosen[name] for name, lookup in names if name in chosen})
