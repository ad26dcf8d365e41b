"""Use by client: calls of the last 30 days and what models cost this month, and each client's budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone

from dashboard.csv import csv_response
from dashboard.health import lightly
from dashboard.names import name_providers
from dashboard.pages.limits.money_forms import BudgetForm, typed_dollars
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from dashboard.usage.money import BudgetState, said_dollars, spend_of_client, states_of
from integrations.models import Budget, CallDay, ClientHour, Connection, SpendDay
from integrations.usage.budgets import month_of
from secrets_vault import audit
from secrets_vault.models import Client

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet

DAYS = 30
CSV_HEADER = ("client", "name", "calls in 30 days", "failed", "at a limit", "US dollars this month", "budget stops at")


@dataclass
class ClientUse:
    """What one client used."""

    client: Any
    calls: int = 0
    failed: int = 0
    limited: int = 0
    cost_nano: int = 0
    budget: Budget | None = None

    @property
    def dollars(self) -> str:
        """Return what its models cost this month."""
        return said_dollars(self.cost_nano)

    @property
    def state(self) -> BudgetState | None:
        """Return how that stands to its budget."""
        return BudgetState(self.budget, self.cost_nano) if self.budget else None


def usage(request: PageRequest) -> HttpResponseBase:
    """List the clients with what they used."""
    now = timezone.now()
    clients = Client.objects.visible_to(request.user).filter(archived_at=None)
    if request.GET.get("format") == "csv":
        return _export(request, clients, now=now)
    page = page_of(clients, request, by="slug")
    context = {"page": page, "rows": uses_of(page.rows, now=now), "now": now, "days": DAYS}
    return render_page(request, "dashboard/limits/clients.html", context, part="list")


def uses_of(clients: Iterable[Any], *, now: datetime) -> list[ClientUse]:
    """Return what clients already found visible used, in three queries."""
    found = {client.pk: ClientUse(client) for client in clients}
    since, month = now - timedelta(days=DAYS), month_of(now)
    hours = ClientHour.objects.filter(client_id__in=list(found), hour__gt=since, hour__lte=now).order_by()
    for pk, calls, failed, limited in hours.values_list("client_id").annotate(
        Sum("calls"), Sum("failed"), Sum("limited")
    ):
        use = found[pk]
        use.calls, use.failed, use.limited = calls, failed, limited
    days = SpendDay.objects.filter(client_id__in=list(found), day__gte=month.first, day__lt=month.after).order_by()
    for pk, nano in days.values_list("client_id").annotate(Sum("cost_nano")):
        found[pk].cost_nano = nano
    for budget in Budget.objects.filter(client_id__in=list(found), connection=None):
        found[budget.client_id].budget = budget
    return list(found.values())


@dataclass
class ConnectionUse:
    """What one connection used."""

    connection: Any
    calls: int = 0
    cost_nano: int = 0

    @property
    def dollars(self) -> str:
        """Return what its models cost this month."""
        return said_dollars(self.cost_nano)


def client_usage(request: PageRequest, slug: str) -> HttpResponseBase:
    """Show what one client used, connection by connection, and its budget."""
    client = get_object_or_404(Client.objects.visible_to(request.user), slug=slug)
    now = timezone.now()
    budget = Budget.objects.filter(client=client, connection=None).first()
    page = page_of(Connection.objects.visible_to(request.user).filter(client=client), request, by="slug")
    context = {
        "client": client,
        "can_manage": Client.objects.manageable_by(request.user).filter(pk=client.pk).exists(),
        "spend": spend_of_client(client.pk, now=now),
        "budgets": states_of([budget] if budget else [], now=now),
        "budget_form": BudgetForm.of(budget),
        "page": page,
        "rows": _connection_uses(client.pk, [row.pk for row in page.rows], now=now),
        "days": DAYS,
        "now": now,
    }
    return render_page(request, "dashboard/limits/client.html", context, part="list")


def _connection_uses(client_id: UUID, ids: list[UUID], *, now: datetime) -> list[ConnectionUse]:
    """Return the use of a client's connections, in three queries."""
    connections = lightly(Connection.objects.filter(pk__in=ids)).order_by("slug")
    found = {row.pk: ConnectionUse(row) for row in name_providers(connections)}
    days = CallDay.objects.filter(connection_id__in=ids, day__gt=(now - timedelta(days=DAYS)).date()).order_by()
    for pk, calls in days.values_list("connection_id").annotate(Sum("calls")):
        found[pk].calls = calls
    month = month_of(now)
    spent = SpendDay.objects.filter(connection_id__in=ids, client_id=client_id, day__gte=month.first)
    for pk, nano in (
        spent.filter(day__lt=month.after).order_by().values_list("connection_id").annotate(Sum("cost_nano"))
    ):
        found[pk].cost_nano = nano
    return list(found.values())


def _export(request: PageRequest, clients: VisibleQuerySet, *, now: datetime) -> HttpResponseBase:
    with transaction.atomic():
        audit.record("export.made", actor=actor_of(request), label="Use by client as CSV")
    preface = f"Calls of {DAYS} days up to {now:%Y-%m-%d %H:%M} UTC; dollars of {now:%Y-%m}"
    return csv_response("usage-by-client", CSV_HEADER, _lines(clients, now=now), preface=preface)


def _lines(clients: VisibleQuerySet, *, now: datetime) -> Iterator[tuple[object, ...]]:
    for use in uses_of(clients.order_by("slug"), now=now):
        stop = use.budget.stop_nano if use.budget else None
        spent, limit = typed_dollars(use.cost_nano), typed_dollars(stop)
        yield use.client.slug, use.client.name, use.calls, use.failed, use.limited, spent, limit
