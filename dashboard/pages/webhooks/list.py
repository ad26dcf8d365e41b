"""Every endpoint a person may see, how it is doing, and pausing several at once; also as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import batched
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from dashboard.choosing import chosen_ids
from dashboard.csv import csv_response
from dashboard.forms import ClientFilterForm
from dashboard.pages.connecting.list import can_add
from dashboard.pages.webhooks.schemes import keys_matching, scheme_name
from dashboard.pages.webhooks.state import Row, rows_of
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.webhooks import targets
from integrations.webhooks.endpoints import NO_VERIFICATION

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.http.response import HttpResponseBase

    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

CSV_HEADER = (
    "endpoint", "name", "client", "environment", "scheme", "verification", "forwarding", "secret made on",
    "last event", "accepted in 1 h", "accepted in 24 h", "refused in 1 h", "refused in 24 h", "waiting", "given up",
)  # fmt: skip
STATES = [
    ("", gettext_lazy("Every state")),
    ("unverified", gettext_lazy("Verifies nothing")),
    ("no_secret", gettext_lazy("No secret yet")),
    ("paused", gettext_lazy("Paused")),
    ("disabled", gettext_lazy("Disabled")),
    ("dead", gettext_lazy("With dead letters")),
]
BULK = [("pause", gettext_lazy("Pause handing on")), ("resume", gettext_lazy("Resume handing on"))]
AT_ONCE = 200


class EndpointFilter(ClientFilterForm):
    """Search by name, address or vendor; narrow by client, scheme and state."""

    q = forms.CharField(
        required=False,
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Name, address or vendor")}),
    )
    scheme = forms.ChoiceField(required=False, label=gettext_lazy("Scheme"))
    state = forms.ChoiceField(required=False, label=gettext_lazy("State"), choices=STATES)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        keys = WebhookEndpoint.objects.visible_to(user).order_by().values_list("scheme_key", flat=True).distinct()
        named = sorted(((key, scheme_name(key)) for key in keys), key=lambda pair: pair[1].lower())
        self.fields["scheme"].choices = [("", _("Every scheme")), *named]  # type: ignore[attr-defined]


@login_required
def webhooks(request: PageRequest) -> HttpResponseBase:
    """List the endpoints, newest first."""
    filters = EndpointFilter(request.GET, user=request.user)
    rows = matching(filters.chosen(), request.user).select_related("client", "environment", "secret__current")
    if request.GET.get("format") == "csv":
        return csv_response("webhooks", CSV_HEADER, _lines(rows.order_by("slug")))
    page = page_of(rows, request)
    context = {
        "page": page,
        "rows": rows_of(page.rows, now=timezone.now()),
        "filters": filters,
        "is_filtered": bool(filters.chosen()),
        "can_add": can_add(request.user),
        "bulk": BULK,
        "today": timezone.localdate(),
    }
    return render_page(request, "dashboard/webhooks/list.html", context, part="rows")


def matching(chosen: dict[str, Any], user: User) -> VisibleQuerySet:
    """Return the endpoints that this person may see and that fit the filters."""
    rows = WebhookEndpoint.objects.visible_to(user)
    if "client" in chosen:
        rows = rows.filter(client=chosen["client"])
    if "scheme" in chosen:
        rows = rows.filter(scheme_key=chosen["scheme"])
    if "state" in chosen:
        rows = _in_state(rows, chosen["state"])
    for word in str(chosen.get("q", "")).split():
        named = Q(slug__icontains=word) | Q(name__icontains=word) | Q(client__name__icontains=word)
        rows = rows.filter(named | Q(scheme_key__in=keys_matching(word)))
    return rows


def _in_state(rows: VisibleQuerySet, state: str) -> VisibleQuerySet:
    dead = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"), state=WebhookDelivery.State.DEAD)
    unusable = Q(secret=None) | Q(secret__current=None) | Q(secret__deleted_at__isnull=False)
    asked = {
        "unverified": Q(scheme_key=NO_VERIFICATION),
        "no_secret": unusable & ~Q(scheme_key=NO_VERIFICATION),
        "paused": Q(is_forwarding_paused=True),
        "disabled": Q(disabled_at__isnull=False),
        "dead": Exists(dead),
    }
    return rows.filter(asked[state])


def _lines(rows: Iterable[WebhookEndpoint]) -> Iterator[tuple[object, ...]]:
    """Give the lines of the download, counted some hundred endpoints at a time."""
    now = timezone.now()
    for some in batched(rows, AT_ONCE):
        yield from map(_line, rows_of(some, now=now))


def _line(row: Row) -> tuple[object, ...]:
    endpoint, counts = row.endpoint, row.counts
    return (
        endpoint.slug,
        endpoint.name,
        endpoint.client.name,
        endpoint.environment.slug,
        endpoint.scheme_key,
        row.verification.word,
        row.forwarding.word,
        row.secret_made_on or "",
        endpoint.last_event_at.isoformat() if endpoint.last_event_at else "",
        counts.accepted_hour,
        counts.accepted_day,
        counts.refused_hour,
        counts.refused_day,
        counts.waiting,
        counts.dead,
    )


@login_required
@require_POST
def bulk(request: PageRequest) -> HttpResponse:
    """Pause or resume handing on at the chosen endpoints, as far as this person may."""
    act = request.POST.get("do", "")
    chosen = _chosen(request)
    if act not in dict(BULK) or not chosen:
        messages.error(request, _("Choose at least one endpoint that you may change."))
        return _back(request)
    is_paused = act == "pause"
    changing = [endpoint for endpoint in chosen if endpoint.is_forwarding_paused != is_paused]
    for endpoint in changing:
        (targets.pause_endpoint if is_paused else targets.resume_endpoint)(endpoint, actor=actor_of(request))
    messages.success(request, _said(len(changing), is_paused=is_paused))
    return _back(request)


def _said(count: int, *, is_paused: bool) -> str:
    if is_paused:
        words = ngettext(
            "{n} endpoint is paused. Its events are kept.", "{n} endpoints are paused. Their events are kept.", count
        )
    else:
        words = ngettext("{n} endpoint hands on again.", "{n} endpoints hand on again.", count)
    return words.format(n=count)


def _chosen(request: PageRequest) -> list[WebhookEndpoint]:
    rows = WebhookEndpoint.objects.manageable_by(request.user).filter(pk__in=chosen_ids(request))
    return list(rows.select_related("client"))


def _back(request: PageRequest) -> HttpResponseRedirect:
    query = request.POST.get("back", "")
    return HttpResponseRedirect(reverse("dashboard:webhooks") + (f"?{query}" if query else ""))
