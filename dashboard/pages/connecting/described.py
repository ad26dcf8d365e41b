"""Any HTTP API: a provider described on a page, by the same facts as one of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.pages.connecting.described_form import DescribedForm, initial_from, initial_of
from dashboard.pages.connecting.list import can_add
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import Connection, CustomProvider
from integrations.oauth.discovery import DiscoveryFailed, discover
from integrations.outbound.dial import allowed_private_hosts
from integrations.providers.custom import plain_http_hosts
from integrations.providers.described import StillDescribes, describe, forget
from integrations.providers.injection import SIGNED
from integrations.providers.reading import BadFacts
from integrations.providers.shape import Provider
from secrets_vault.access import can_manage

if TYPE_CHECKING:
    from secrets_vault.models import Client


@login_required
def providers(request: PageRequest) -> HttpResponse:
    """List the described providers that this person may see."""
    page = page_of(CustomProvider.objects.visible_to(request.user).select_related("client"), request)
    for row in page:
        row.described = Provider.from_facts(row.facts, where=row.key)
    context = {"page": page, "tab": "providers", "can_add": can_add(request.user)}
    return render_page(request, "dashboard/connecting/providers.html", context, part="rows")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_provider(request: PageRequest) -> HttpResponse:
    """Describe an API that the catalogue does not have."""
    if not can_add(request.user):
        raise Http404
    initial = {"base_url": request.GET.get("base_url", ""), "owner": request.GET.get("client", "")}
    if request.method == "POST" and "discover" in request.POST:
        return _discovered(request)
    form = DescribedForm(request.POST if request.method == "POST" else None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        row = _describe(request, form, key=_free_key(form.cleaned_data["name"]), client=form.for_client)
        if row is not None:
            return HttpResponseRedirect(_next(request, row))
    return _page(request, form)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_provider(request: PageRequest, pk: UUID) -> HttpResponse:
    """Change a description. Stored credentials stay bound to the hosts that they were stored for."""
    row: CustomProvider = get_object_or_404(CustomProvider.objects.visible_to(request.user), pk=pk)
    if row.is_sandbox or not can_manage(request.user, row.client):
        raise Http404
    uses = Connection.objects.visible_to(request.user).filter(provider_key=row.key).count()
    provider = Provider.from_facts(row.facts, where=row.key)
    if any(injection.in_ in SIGNED for injection in provider.injections.values()):
        # The form has no words for a signature: saving it would put a plain header in its place.
        return render_page(
            request,
            "dashboard/connecting/provider.html",
            {"row": row, "uses": uses, "tab": "providers"},
            status=422 if request.method == "POST" else 200,
        )
    if request.method == "POST" and "discover" in request.POST:
        return _discovered(request, row=row, uses=uses)
    form = DescribedForm(
        request.POST if request.method == "POST" else None, user=request.user, row=row, initial=initial_of(provider)
    )
    if request.method == "POST" and form.is_valid() and _describe(request, form, key=row.key, client=row.client):
        return HttpResponseRedirect(reverse("dashboard:providers"))
    return _page(request, form, row=row, uses=uses)


def _discovered(request: PageRequest, *, row: CustomProvider | None = None, **more: Any) -> HttpResponse:
    """Show the form as it was typed, with what the issuer says of itself filled in. Nothing is stored yet."""
    typed: dict[str, Any] = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    typed["issuer"] = typed.get("issuer", "").strip()
    try:
        found = discover(typed["issuer"])
    except DiscoveryFailed as failed:
        more |= {"discovery_failed": failed.reason}
    else:
        typed |= initial_from(found)
        more |= {"discovered": found}
    return _page(request, DescribedForm(None, user=request.user, row=row, initial=typed), row=row, **more)


@login_required
@require_POST
def delete_provider(request: PageRequest, pk: UUID) -> HttpResponse:
    """Delete a description that nothing uses; else name what does."""
    row: CustomProvider = get_object_or_404(CustomProvider.objects.visible_to(request.user), pk=pk)
    if row.is_sandbox or not can_manage(request.user, row.client):
        raise Http404
    try:
        forget(row, actor=actor_of(request))
    except StillDescribes as used:
        messages.error(request, _users_in_words(request, row, used))
        return HttpResponseRedirect(reverse("dashboard:provider", args=[row.pk]))
    messages.success(request, _("{name} is deleted.").format(name=row.name))
    return HttpResponseRedirect(reverse("dashboard:providers"))


def _users_in_words(request: PageRequest, row: CustomProvider, used: StillDescribes) -> str:
    """Name what this person may see, and count the rest."""
    seen = set(Connection.objects.visible_to(request.user).values_list("pk", flat=True))
    names = [connection.slug for connection in used.connections if connection.pk in seen]
    names += [app.name for app in used.apps if can_manage(request.user, app.for_client)]
    others = len(used.connections) + len(used.apps) - len(names)
    told = [*names[:10], *([f"{others + max(0, len(names) - 10)} more"] if others or len(names) > 10 else [])]
    return _("{name} is still used, so it stays: {names}. Delete or disconnect them first.").format(
        name=row.name, names=", ".join(told)
    )


def _page(request: PageRequest, form: DescribedForm, **more: Any) -> HttpResponse:
    context = {"form": form, "tab": "providers"} | more
    return render_page(request, "dashboard/connecting/provider.html", context, status=422 if form.is_bound else 200)


def _describe(request: PageRequest, form: DescribedForm, *, key: str, client: Client | None) -> CustomProvider | None:
    """Keep the description, or put what is wrong with it at its field and return None."""
    table, more = form.table(), form.more()
    try:
        row, _ = describe(
            table,
            actor=actor_of(request),
            key=key,
            name=form.cleaned_data["name"],
            client=client,
            today=timezone.localdate(),
            **more,
        )
    except BadFacts as bad:
        form.refuse(bad)
        return None
    _tell(request, Provider.from_facts(row.facts, where=row.key))
    return row


def _tell(request: PageRequest, provider: Provider) -> None:
    """Say that it is kept; and that plain http goes nowhere until its host is allowed."""
    messages.success(request, _("{name} is described.").format(name=provider.name))
    refused = [host for host in plain_http_hosts(provider) if host not in allowed_private_hosts()]
    if refused:
        hosts = ", ".join(refused)
        messages.warning(
            request,
            _(
                "Calls to {hosts} are refused for now: plain http is allowed for private hosts only, and "
                "only when KEYLODGE_ALLOWED_PRIVATE_HOSTS names them. Set it and start Keylodge again."
            ).format(hosts=hosts),
        )


def _free_key(name: str) -> str:
    wanted = f"custom-{slugify(name)[:60].strip('-') or 'api'}"
    taken = set(CustomProvider.objects.filter(key__startswith=wanted).values_list("key", flat=True))
    if wanted not in taken:
        return wanted
    return next(found for number in range(2, len(taken) + 3) if (found := f"{wanted}-{number}") not in taken)


def _next(request: PageRequest, row: CustomProvider) -> str:
    """Go on with the connection that waited for it, else to the list."""
    if place := request.GET.get("place"):
        return f"{reverse('dashboard:connect')}?{urlencode({'place': place, 'provider': row.key})}"
    return reverse("dashboard:providers")
