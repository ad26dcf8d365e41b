"""One connection's use: its quotas, its calls over time, by caller and by place, and what its models cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone

from dashboard.csv import csv_response
from dashboard.documented import documented_of, providers_of
from dashboard.names import name_providers
from dashboard.pages.limits.acts import capped_here
from dashboard.pages.limits.money_forms import BudgetForm
from dashboard.quotas import Place, Quota, documented_quotas, told_quotas
from dashboard.render import PageRequest, actor_of, render_page
from dashboard.usage.callers import callers_of
from dashboard.usage.history import WINDOWS, History, history_of
from dashboard.usage.money import spend_of, states_of
from dashboard.usage.places import places_of
from dashboard.usage.sharing import sharing_with
from integrations.models import Budget, Connection
from integrations.providers.shape import Provider
from integrations.usage.batches import hints_of
from secrets_vault import audit
from secrets_vault.models import Client

CSV_HEADER = ("connection", "from", "until", "calls", "failed", "at a limit")


def limit(request: PageRequest, slug: str) -> HttpResponseBase:
    """Show the use of one connection in a window: a day, a week, a month or a year."""
    rows = Connection.objects.visible_to(request.user).select_related("client", "environment")
    connection = get_object_or_404(rows, slug=slug)
    now = timezone.localtime()
    asked = request.GET.get("window", "")
    history = history_of(connection.pk, asked if asked in WINDOWS else "24h", now=now)
    if request.GET.get("format") == "csv":
        return _export(request, connection, history)
    return render_page(request, "dashboard/limits/one.html", _context(request, connection, history, now=now))


def _context(request: PageRequest, connection: Connection, history: History, *, now: datetime) -> dict[str, Any]:
    user = request.user
    name_providers([connection])
    provider = providers_of([connection.provider_key]).get(connection.provider_key)
    can_manage = Client.objects.manageable_by(user).filter(pk=connection.client_id).exists()
    return {
        "connection": connection,
        "can_manage": can_manage,
        "quotas": _quotas(connection, now=now),
        "documented": _documented(connection, provider),
        "sharing": name_providers(sharing_with(connection, provider, user)),
        "windows": [(name, window.words) for name, window in WINDOWS.items()],
        "history": history,
        "callers": callers_of(connection.pk, history.name, user, columns=history.columns, now=now),
        "capped": capped_here(request, connection),
        "places": places_of(connection.pk, columns=history.columns),
        "hints": hints_of(connection.pk, provider, now=now),
        "now": now,
        **_money(connection, provider, now=now),
    }


def _quotas(connection: Connection, *, now: datetime) -> list[Quota]:
    """Return what providers told last, the tightest first; else the documented limits and our own count."""
    told = told_quotas([connection.pk], now=now)
    if not told:
        is_live = connection.environment.is_production
        kind, line = connection.kind, connection.slow_down_percent
        place = Place(connection.pk.hex, connection.provider_key, kind, is_live, line)
        told = documented_quotas([place], now=now)
    return sorted(told, key=lambda quota: -quota.used_percent)


def _documented(connection: Connection, provider: Provider | None) -> list[Any]:
    return documented_of(provider, kind=connection.kind, is_production=connection.environment.is_production)


def _money(connection: Connection, provider: Provider | None, *, now: datetime) -> dict[str, Any]:
    """Return what is shown of money, nothing for a provider whose answers do not say what calls use."""
    if provider is None or not provider.metering:
        return {"spend": None}
    budgets = list(Budget.objects.filter(client_id=connection.client_id))
    mine = [budget for budget in budgets if budget.connection_id in (None, connection.pk)]
    own = next((budget for budget in mine if budget.connection_id is not None), None)
    return {
        "spend": spend_of(connection.pk, now=now),
        "budgets": states_of(mine, now=now),
        "own_budget": own,
        "budget_form": BudgetForm.of(own),
    }


def _export(request: PageRequest, connection: Connection, history: History) -> HttpResponseBase:
    with transaction.atomic():
        label = f"Calls of {connection.slug} as CSV"
        audit.record("export.made", actor=actor_of(request), client=connection.client_id, label=label)
    preface = f"{connection} ({connection.slug}), {WINDOWS[history.name].words}"
    return csv_response(f"calls-{connection.slug}", CSV_HEADER, _lines(connection, history), preface=preface)


def _lines(connection: Connection, history: History) -> Iterator[tuple[object, ...]]:
    for column in history.columns:
        start, end = column.start.isoformat(), column.end.isoformat()
        yield connection.slug, start, end, column.calls, column.failed, column.limited
