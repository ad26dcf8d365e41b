"""Every link that was made for a client, newest first: searched, narrowed, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from dashboard.csv import csv_response
from dashboard.forms import ClientFilterForm, any_holds
from dashboard.pages.client import find_client, tabs_for
from dashboard.pages.connecting.list import can_add
from dashboard.pages.requests.state import RequestRow, loaded, rows_of
from dashboard.paging import page_of
from dashboard.render import PageRequest, render_page
from integrations.models import ClientLink

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.http.response import HttpResponseBase

    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

CSV_HEADER = (
    "made", "client", "kind", "asks for", "done", "asked", "state", "why", "sent to", "opened", "works until",
    "reminders", "made by",
)  # fmt: skip
STATES = [
    ("", gettext_lazy("Every state")),
    ("waiting", gettext_lazy("Still open")),
    ("failed", gettext_lazy("Did not work")),
    ("done", gettext_lazy("Done")),
    ("over", gettext_lazy("Revoked or expired")),
]
KINDS = [
    ("", gettext_lazy("Both kinds")),
    ("connect", gettext_lazy("Connect links")),
    ("request", gettext_lazy("Request links")),
]
SEARCHED = (
    "sent_to", "why", "client__name", "connection__slug", "connection__provider_key", "items__connection__slug",
    "items__connection__provider_key",
)  # fmt: skip
AT_ONCE = 200


class RequestFilter(ClientFilterForm):
    """Search by address, client or service; narrow by client, kind and state."""

    q = forms.CharField(
        required=False,
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Address, client or service")}),
    )
    kind = forms.ChoiceField(required=False, choices=KINDS)
    state = forms.ChoiceField(required=False, label=gettext_lazy("State"), choices=STATES)


@login_required
def requests(request: PageRequest) -> HttpResponseBase:
    """List the links of every client that this person sees."""
    now, filters = timezone.now(), RequestFilter(request.GET, user=request.user)
    rows = matching(filters.chosen(), request.user, now=now)
    if request.GET.get("format") == "csv":
        return csv_response("links", CSV_HEADER, _lines(rows.order_by("-pk"), now=now))
    page = page_of(loaded(rows), request)
    context = {
        "page": page,
        "rows": rows_of(page.rows, now=now),
        "filters": filters,
        "is_filtered": bool(filters.chosen()),
        "can_add": can_add(request.user),
    }
    return render_page(request, "dashboard/requests/list.html", context, part="rows")


def matching(chosen: dict[str, Any], user: User, *, now: datetime) -> VisibleQuerySet:
    """Return the links that this person may see and that fit the filters."""
    rows = ClientLink.objects.visible_to(user)
    if "client" in chosen:
        rows = rows.filter(client=chosen["client"])
    if "kind" in chosen:
        rows = rows.filter(kind=chosen["kind"])
    if "state" in chosen:
        rows = rows.filter(_in_state(chosen["state"], now=now))
    for word in str(chosen.get("q", "")).split():
        rows = rows.filter(pk__in=ClientLink.objects.filter(any_holds(SEARCHED, word)).values("pk"))
    return rows


def _in_state(state: str, *, now: datetime) -> Q:
    living = Q(used_at=None, revoked_at=None, expires_at__gt=now)
    return {
        "waiting": living,
        "failed": living & Q(failed_at__isnull=False),
        "done": Q(used_at__isnull=False),
        "over": Q(used_at=None) & (Q(revoked_at__isnull=False) | Q(expires_at__lte=now)),
    }[state]


def _lines(rows: VisibleQuerySet, *, now: datetime) -> Iterator[tuple[object, ...]]:
    """Give the lines of the download, some hundred links at a time."""
    found = loaded(rows).iterator(chunk_size=AT_ONCE)
    for some in batched(found, AT_ONCE, strict=False):
        yield from map(_line, rows_of(some, now=now))


def _line(row: RequestRow) -> tuple[object, ...]:
    link = row.link
    return (
        link.created_at.isoformat(),
        link.client.name,
        link.kind,
        row.names,
        row.done,
        row.asked,
        row.state.word,
        row.state.why,
        link.sent_to,
        link.opened_at.isoformat() if link.opened_at else "",
        link.expires_at.isoformat(),
        link.nudges,
        link.created_by.name if link.created_by else "",
    )


@login_required
def client_requests(request: PageRequest, slug: str) -> HttpResponse:
    """List the links that were made for one client."""
    client = find_client(request, slug)
    rows = ClientLink.objects.visible_to(request.user).filter(client=client)
    page = page_of(loaded(rows), request)
    shown = {"page": page, "rows": rows_of(page.rows, now=timezone.now())}
    context = tabs_for(client, request.user, "client_requests") | shown
    return render_page(request, "dashboard/requests/of_client.html", context, part="list")
