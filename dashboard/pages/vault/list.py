"""Every stored secret a person may see. Nothing is opened to show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from dashboard.forms import ClientFilterForm
from dashboard.names import name_providers
from dashboard.paging import page_of
from dashboard.render import PageRequest, render_page
from secrets_vault.models import StoredSecret

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

SHOWN_KINDS = [(kind.value, kind.label) for kind in StoredSecret.Kind if kind != StoredSecret.Kind.SYSTEM]


class SecretFilter(ClientFilterForm):
    """Search by name, place or last four; narrow by client, environment and kind."""

    q = forms.CharField(
        required=False,
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Name, place or last four")}),
    )
    kind = forms.ChoiceField(required=False, choices=[("", gettext_lazy("Every kind")), *SHOWN_KINDS])
    shown = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Show"),
        choices=[
            ("", gettext_lazy("In use")),
            ("deleted", gettext_lazy("Deleted")),
            ("production", gettext_lazy("Production only")),
        ],
    )


def secrets(request: PageRequest) -> HttpResponse:
    """List the secrets, newest first."""
    filters = SecretFilter(request.GET, user=request.user)
    rows = _matching(filters.chosen(), request.user)
    rows = rows.select_related("client", "environment", "current", "owner").prefetch_related("current__fields")
    page = page_of(rows, request)
    name_providers(page.rows)
    context = {"page": page, "filters": filters, "today": timezone.localdate(), "is_filtered": bool(filters.chosen())}
    return render_page(request, "dashboard/vault/list.html", context, part="rows")


def _matching(chosen: dict[str, Any], user: User) -> VisibleQuerySet:
    rows = StoredSecret.objects.visible_to(user).exclude(kind=StoredSecret.Kind.SYSTEM)
    rows = rows.filter(deleted_at__isnull=chosen.get("shown") != "deleted")
    if chosen.get("shown") == "production":
        rows = rows.filter(environment__is_production=True)
    if "client" in chosen:
        rows = rows.filter(client=chosen["client"])
    if "kind" in chosen:
        rows = rows.filter(kind=chosen["kind"])
    for word in str(chosen.get("q", "")).split():
        rows = rows.filter(
            Q(label__icontains=word)
            | Q(client__name__icontains=word)
            | Q(provider_key__icontains=word)
            | Q(elsewhere_place__icontains=word)
            | Q(current__fields__masked__icontains=word)
            | Q(current__fields__name__icontains=word)
        )
    # Only the search joins a secret's fields. Without it nothing comes twice, and the page needs no table of all rows.
    return rows.distinct() if "q" in chosen else rows
