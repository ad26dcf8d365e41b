"""OAuth apps: the registration at each provider that consents are given to. The secret half is never shown again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboard.names import name_providers
from dashboard.pages.connecting.app_form import OAuthAppForm
from dashboard.pages.connecting.list import can_add
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.errors import IntegrationError
from integrations.models import Connection, CustomProvider, OAuthApp
from integrations.oauth.app import change_app, make_app, replace_client_secret
from integrations.oauth.keeping import own_redirect_uri
from integrations.providers.gone import stand_in
from integrations.providers.registry import ProviderNotFound, all_providers, get_provider
from integrations.providers.shape import Provider
from secrets_vault.access import can_manage
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from secrets_vault.models import User


MOST_SHOWN = 50


@login_required
def oauth_apps(request: PageRequest) -> HttpResponse:
    """List the apps that this person may see: the owner the agency's, a manager their clients' own."""
    rows = OAuthApp.objects.visible_to(request.user).select_related("for_client", "secret__current")
    rows = rows.prefetch_related("secret__current__fields").annotate(uses=Count("connections"))
    page = page_of(rows, request)
    name_providers(page)
    context = {"page": page, "tab": "apps", "can_add": can_add(request.user)}
    return render_page(request, "dashboard/connecting/oauth_apps.html", context, part="rows")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_app(request: PageRequest) -> HttpResponse:
    """Ask for the provider, then for what the provider gave us."""
    if not can_add(request.user):
        raise Http404
    provider = _provider(request.user, request.GET.get("provider", ""))
    if provider is None:
        context = {"providers": oauth_providers(request.user), "tab": "apps"}
        return render_page(request, "dashboard/connecting/oauth_app_provider.html", context)
    initial = {"owner": request.GET.get("client", "")}
    form = OAuthAppForm(
        request.POST if request.method == "POST" else None, provider=provider, user=request.user, initial=initial
    )
    if request.method == "POST" and form.is_valid():
        try:
            app = _make(request, form)
        except (VaultError, IntegrationError) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(
                request, _("{name} is stored. Its first consent will show whether it is right.").format(name=app.name)
            )
            return HttpResponseRedirect(_next(request, app))
    return _page(request, form, provider)


def _make(request: PageRequest, form: OAuthAppForm) -> OAuthApp:
    data, proof, scopes = form.cleaned_data, form.proof, form.scopes()
    app = make_app(
        data["name"],
        form.provider.key,
        client_id=data["client_id"],
        client_secret=proof["client_secret"],
        private_key=proof["private_key"],
        actor=actor_of(request),
        made_on=data["made_on"],
        for_client=form.for_client,
        required_scopes=scopes["required_scopes"],
        optional_scopes=scopes["optional_scopes"],
    )
    _note_testing(form, app)
    return app


def _note_testing(form: OAuthAppForm, app: OAuthApp) -> None:
    OAuthApp.objects.filter(pk=app.pk).update(is_in_testing=form.cleaned_data.get("is_in_testing", False))


def _next(request: PageRequest, app: OAuthApp) -> str:
    """Go back to what waited for the app, a connection or the making of one; else to the list."""
    if slug := request.GET.get("connection"):
        waiting = Connection.objects.manageable_by(request.user).filter(slug=slug).first()
        return reverse("dashboard:connection", args=[slug]) if waiting else reverse("dashboard:oauth_apps")
    if place := request.GET.get("place"):
        return f"{reverse('dashboard:connect')}?{urlencode({'place': place, 'provider': app.provider_key})}"
    return reverse("dashboard:oauth_apps")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_app(request: PageRequest, pk: UUID) -> HttpResponse:
    """Correct an app; a typed client secret replaces the stored one, which stays restorable in the vault."""
    rows = OAuthApp.objects.visible_to(request.user).select_related("for_client", "secret__current")
    app: OAuthApp = get_object_or_404(rows, pk=pk)
    if not can_manage(request.user, app.for_client):
        raise Http404
    provider = _provider_or_stand_in(app.provider_key)
    form = OAuthAppForm(
        request.POST if request.method == "POST" else None, provider=provider, user=request.user, app=app
    )
    if request.method == "POST" and form.is_valid():
        try:
            _change(request, form, app)
        except (VaultError, IntegrationError) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("{name} is saved.").format(name=app.name))
            return HttpResponseRedirect(reverse("dashboard:oauth_apps"))
    return _page(request, form, provider, app=app)


def _provider_or_stand_in(key: str) -> Provider:
    try:
        return get_provider(key)
    except ProviderNotFound:
        return stand_in(key)


def _change(request: PageRequest, form: OAuthAppForm, app: OAuthApp) -> None:
    actor, now, data = actor_of(request), timezone.now(), form.cleaned_data
    with transaction.atomic():
        change_app(app, name=data["name"], client_id=data["client_id"], actor=actor, now=now, **form.scopes())
        _note_testing(form, app)
        proof = form.proof
        if any(proof.values()):
            replace_client_secret(
                app,
                proof["client_secret"],
                actor=actor,
                now=now,
                made_on=data["made_on"],
                private_key=proof["private_key"],
            )


def _page(request: PageRequest, form: OAuthAppForm, provider: Provider, *, app: OAuthApp | None = None) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "app": app,
        "provider": provider,
        "tab": "apps",
        "redirect_uri": own_redirect_uri(),
        "is_https": settings.IS_HTTPS,
        "masked": _masked(app),
        "uses": _uses(request, app),
        "openid_is_left_out": provider.oauth is not None and not provider.oauth.verifies_id_tokens,
    }
    return render_page(request, "dashboard/connecting/oauth_app.html", context, status=422 if form.is_bound else 200)


def _uses(request: PageRequest, app: OAuthApp | None) -> list[Connection]:
    """Return the connections of the app that this person may see."""
    if app is None:
        return []
    rows = Connection.objects.visible_to(request.user).filter(oauth_app=app, client__archived_at=None)
    return list(rows.select_related("client", "environment").order_by("client__name", "slug")[:MOST_SHOWN])


def _masked(app: OAuthApp | None) -> list[str]:
    current = app.secret.current if app and app.secret else None
    return [row.masked for row in current.fields.all()] if current else []


def oauth_providers(user: User) -> list[Provider]:
    """Return the providers that speak OAuth, the described ones that this person sees among them."""
    rows = CustomProvider.objects.visible_to(user).order_by("name").values_list("key", "facts")
    described = [Provider.from_facts(facts, where=key) for key, facts in rows]
    known = [*all_providers(), *described]
    return [one for one in known if one.oauth is not None and one.oauth.grants != ("key_exchange",)]


def _provider(user: User, key: str) -> Provider | None:
    if key.startswith("custom-"):
        return next((provider for provider in oauth_providers(user) if provider.key == key), None)
    try:
        found = get_provider(key)
    except ProviderNotFound:
        return None
    return found if found.oauth is not None else None
