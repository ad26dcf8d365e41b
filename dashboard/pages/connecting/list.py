"""Every connection a person may see, with its state and account; also as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.csv import csv_response
from dashboard.forms import ClientFilterForm, any_holds
from dashboard.names import name_providers, provider_names
from dashboard.pages.requests.state import waiting_links
from dashboard.paging import page_of
from dashboard.render import PageRequest, render_page
from integrations.models import CallHour, Connection

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase

    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

CSV_HEADER = ("connection", "name", "client", "environment", "provider", "kind", "status", "account", "account name")
SEARCHED = ("slug", "label", "client__name", "provider_key", "account_id", "account_name")


class ConnectionFilter(ClientFilterForm):
    """Search by name or account; narrow by client, environment, provider and status."""

    q = forms.CharField(
        required=False,
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Name, provider or account")}),
    )
    environment = forms.ChoiceField(required=False)
    provider = forms.ChoiceField(required=False)
    status = forms.ChoiceField(required=False, choices=[("", gettext_lazy("Every state")), *Connection.Status.choices])

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        mine = Connection.objects.visible_to(user).order_by()
        environments = sorted(set(mine.values_list("environment__slug", flat=True).distinct()))
        names = provider_names(mine.values_list("provider_key", flat=True).distinct())
        self._choose("environment", _("Every environment"), [(slug, slug) for slug in environments])
        self._choose("provider", _("Every provider"), sorted(names.items(), key=lambda pair: pair[1].lower()))

    def _choose(self, name: str, empty: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = [("", empty), *choices]  # type: ignore[attr-defined]


@login_required
def connections(request: PageRequest) -> HttpResponseBase:
    """List the connections, newest first."""
    filters = ConnectionFilter(request.GET, user=request.user)
    rows = _matching(filters.chosen(), request.user).select_related("client", "environment")
    if request.GET.get("format") == "csv":
        return csv_response("connections", CSV_HEADER, map(_line, name_providers(rows.order_by("slug"))))
    page = page_of(rows, request)
    now = timezone.now()
    last = last_calls([row.pk for row in page], now=now)
    asked = waiting_links(page, request.user, now=now)
    for row in name_providers(page):
        row.last_call, row.asked = last.get(row.pk, ""), asked.get(row.pk)
    context = {
        "page": page,
        "filters": filters,
        "is_filtered": bool(filters.chosen()),
        "can_add": can_add(request.user),
    }
    return render_page(request, "dashboard/connecting/list.html", context, part="rows")


def can_add(user: User) -> bool:
    """Tell whether there is any client that this person could add a connection to."""
    return bool(user.is_owner or user.memberships.filter(role="manager", state="active").exists())


def _matching(chosen: dict[str, Any], user: User) -> VisibleQuerySet:
    rows = Connection.objects.visible_to(user)
    names = {"client": "client", "environment": "environment__slug", "provider": "provider_key", "status": "status"}
    rows = rows.filter(**{column: chosen[name] for name, column in names.items() if name in chosen})
    for word in str(chosen.get("q", "")).split():
        rows = rows.filter(any_holds(SEARCHED, word))
    return rows


def _line(row: Any) -> tuple[object, ...]:
    return (
        row.slug,
        row.label,
        row.client.name,
        row.environment.slug,
        row.provider_name,
        row.get_kind_display(),
        row.get_status_display(),
        row.account_id,
        row.account_name,
    )


def last_calls(ids: Iterable[UUID], *, now: datetime, within: timedelta = timedelta(days=90)) -> dict[UUID, str]:
    """Return when each connection was last called, in words, from the hourly counts: one query for a page."""
    rows = CallHour.objects.filter(connection_id__in=list(ids), hour__gte=now - within)
    found = rows.order_by().values_list("connection_id").annotate(last=Max("hour"))
    return {pk: _hour_words(hour, now=now) for pk, hour in found}


def _hour_words(hour: datetime, *, now: datetime) -> str:
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = int((this_hour - hour).total_seconds() // 3600)
    if hours <= 0:
        return _("in this hour")
    if hours < 48:
        return _("{n} h ago").format(n=hours)
    return _("{n} days ago").format(n=hours // 24)
