"""Clients: the list, and the form that adds one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Q
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import FilterForm, PageForm
from dashboard.health import health_of
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.links.packs import template_choices
from integrations.models import LinkTemplate
from secrets_vault.clients import create_client
from secrets_vault.models import Client

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

RESERVED = ("new",)


class ClientFilter(FilterForm):
    """What the list can be narrowed by."""

    q = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"type": "search", "id": "filter"}),
    )
    show = forms.ChoiceField(
        label=gettext_lazy("Show"),
        required=False,
        choices=[("", gettext_lazy("Active")), ("archived", gettext_lazy("Archived"))],
    )


class NewClient(PageForm):
    """A client and its environments."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    slug = forms.SlugField(
        label=gettext_lazy("Short name"),
        max_length=60,
        required=False,
        help_text=gettext_lazy(
            "Lower-case letters, digits and hyphens, as in “acme”. It stands in addresses and never changes. "
            "Left empty, it is made from the name."
        ),
    )
    environments = forms.MultipleChoiceField(
        label=gettext_lazy("Environments"),
        choices=[("production", gettext_lazy("Production")), ("staging", gettext_lazy("Staging"))],
        initial=["production", "staging"],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Each holds secrets and connections of its own. More can be added later."),
    )

    template = forms.ModelChoiceField(
        queryset=LinkTemplate.objects.none(),
        label=gettext_lazy("Then ask for"),
        required=False,
        empty_label=gettext_lazy("Nothing yet"),
        help_text=gettext_lazy("A template of requests: the next page makes the link that asks the client for it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        templates = template_choices()
        self.fields["template"].queryset = templates  # type: ignore[attr-defined]
        if not templates:
            del self.fields["template"]

    def clean(self) -> dict[str, Any]:
        """Make the short name, and refuse one that is taken."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        slug = cleaned.get("slug") or slugify(cleaned.get("name", ""))[:60].strip("-")
        if not slug and cleaned.get("name"):
            self.add_error("slug", _("The name has no letters to make a short name from. Type one, as in “acme”."))
        elif slug != slug.lower():
            self.add_error("slug", _("Use lower-case letters only."))
        elif slug in RESERVED:
            self.add_error("slug", _("“{slug}” is a page of Keylodge. Choose another short name.").format(slug=slug))
        elif Client.objects.filter(slug=slug).exists():
            self.add_error("slug", taken(slug))
        return cleaned | {"slug": slug}


def taken(slug: str) -> str:
    """Say that a short name is in use, without saying by whom: it may be a client one cannot see."""
    return _("“{slug}” is already in use. Choose another short name, such as “{slug}-2”.").format(slug=slug)


@login_required
def clients(request: PageRequest) -> HttpResponse:
    """List the clients by name, with the state of their connections."""
    filters = ClientFilter(request.GET)
    page = page_of(filtered(Client.objects.visible_to(request.user), filters.chosen()), request, by="pk")
    health = health_of(page.rows, request.user)
    context = {"page": page, "rows": [(client, health[client.pk]) for client in page], "filters": filters}
    return render_page(request, "dashboard/clients.html", context, part="list")


def filtered(rows: QuerySet[Client], chosen: dict[str, Any]) -> QuerySet[Client]:
    """Narrow a list of clients by what the filter form says."""
    rows = rows.filter(archived_at__isnull=chosen.get("show") != "archived").prefetch_related("environments")
    if q := chosen.get("q"):
        rows = rows.filter(Q(name__icontains=q) | Q(slug__icontains=q))
    return rows


@login_required
def new_client(request: PageRequest) -> HttpResponse:
    """Add a client. Only the owner may: a manager's rights are given client by client."""
    if not request.user.is_owner:
        raise PermissionDenied
    form = NewClient(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            client = create_client(**_about(form), actor=actor_of(request))
        except IntegrityError:  # somebody took the short name between the check and here
            form.add_error("slug", taken(form.cleaned_data["slug"]))
        else:
            messages.success(request, _("{name} is added.").format(name=client.name))
            return _next_page(client, form.cleaned_data.get("template"))
    status = 422 if form.is_bound else 200
    return render_page(request, "dashboard/new_client.html", {"form": form}, status=status)


def _about(form: NewClient) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("name", "slug", "environments")}


def _next_page(client: Client, template: LinkTemplate | None) -> HttpResponse:
    """Lead to the client, or on to the link that asks it for what the template names."""
    place = client.environments.order_by("position").first()
    if template is None or place is None:
        return redirect("dashboard:client", slug=client.slug)
    query = urlencode({"place": place.pk, "template": template.pk})
    return redirect(f"{reverse('dashboard:request_new')}?{query}")
