"""Limits: how much of each quota is used, tightest first; the last 24 hours; who used it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.documented import documented_of, providers_of
from dashboard.forms import FilterForm, PageForm
from dashboard.health import lightly
from dashboard.names import name_providers, provider_names
from dashboard.quotas import Place, Quota, Use, documented_quotas, places_of, told_percents, told_quotas, use_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import Connection
from integrations.providers.parts import Limit
from secrets_vault import audit, generation
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


class SlowDown(PageForm):
    """Where the bar turns amber."""

    percent = forms.IntegerField(min_value=10, max_value=100)


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


def limits(request: PageRequest) -> HttpResponse:
    """Show the connections nearest to a limit first."""
    now = timezone.now()
    filters = LimitFilter(request.GET, user=request.user)
    chosen = filters.chosen()
    board = board_of(request.user, chosen, now=now)
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
    return render_page(request, "dashboard/limits.html", context, part="cards")


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


@require_POST
def slow_down(request: PageRequest, slug: str) -> HttpResponse:
    """Move the slow-down line of one connection."""
    connection = get_object_or_404(Connection.objects.manageable_by(request.user), slug=slug)
    form = SlowDown(request.POST)
    if not form.is_valid():
        messages.error(request, _("The slow-down line is a whole number from 10 to 100 percent."))
        return _back(request)
    percent = form.cleaned_data["percent"]
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(slow_down_percent=percent)
        details = {"slow_down_percent": percent, "was": connection.slow_down_percent}
        audit.record(
            "connection.changed", actor=actor_of(request), client=connection.client_id, subject=connection,
            details=details,
        )  # fmt: skip
        generation.bump()
    messages.success(
        request, _("{connection}: the slow-down line is at {percent} %.").format(connection=connection, percent=percent)
    )
    return _back(request)


def _back(request: PageRequest) -> HttpResponse:
    wanted = request.POST.get("next", "")
    is_ours = wanted.startswith("/limits/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return HttpResponseRedirect(wanted if is_ours else reverse("dashboard:limits"))
