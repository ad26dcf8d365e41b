"""A new connection, step by step: client, service, way in, rights, connect. Each step is an address.

What was chosen stands in the query string, so that Back, a bookmark and a new tab work and nothing is
asked twice. A value of a secret never does: it is typed into the last step and goes into the vault.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.need import url_of
from dashboard.pages.connecting import grants, picker
from dashboard.pages.connecting.forms import (
    AskedConnection,
    LinkedConnection,
    NewConnection,
    OAuthConnection,
    PastedConnection,
)
from dashboard.pages.connecting.grant_forms import ExchangedConnection, KeyConnection
from dashboard.pages.connecting.known import known_of
from dashboard.pages.connecting.links import hand_out, send_fresh
from dashboard.pages.connecting.ways import Way, kind_of
from dashboard.pages.vault.forms import places
from dashboard.render import PageRequest, actor_of, render_page
from integrations import connections
from integrations.beside import store_beside
from integrations.connections.credential import check_beside
from integrations.connections.making import CannotMake
from integrations.errors import IntegrationError
from integrations.links.words import words_in
from integrations.models import Connection
from integrations.oauth.keeping import provider_of
from integrations.providers.registry import catalogue
from integrations.providers.shape import BadVariable
from secrets_vault.access import can_manage
from secrets_vault.errors import VaultError
from secrets_vault.models import Environment

if TYPE_CHECKING:
    from integrations.models import OAuthApp
    from integrations.providers.shape import Provider

MADE = "connect.made"
"""Which form has made which connection already, so that a double click makes one."""
MOST_REMEMBERED = 20


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: PageRequest) -> HttpResponse:
    """Show the first step that is not answered yet."""
    place = picker.find_place(request.user, request.GET.get("place", ""))
    if place is None:
        return _ask_place(request)
    provider = picker.find_provider(request.GET.get("provider", ""), place.client)
    if provider is None:
        return _ask_provider(request, place)
    apps = picker.apps_for(provider, place.client)
    ways = picker.ways_for(provider, apps)
    way = next((way for way in ways if way.key == request.GET.get("way") and way.is_ready), None)
    if way is None:
        return _ask_way(request, place, provider, ways=ways)
    return _last_step(request, place, provider, way=way.key, apps=apps)


def _context(place: Environment | None, step: int, **more: Any) -> dict[str, Any]:
    return {"steps": picker.steps(step), "place": place} | more


def _ask_place(request: PageRequest) -> HttpResponse:
    choices = places(request.user)
    if slug := request.GET.get("client"):
        rows = Environment.objects.manageable_by(request.user).filter(client__slug=slug)
        wanted = {str(pk) for pk in rows.values_list("pk", flat=True)}
        choices = [pair for pair in choices if pair[0] in wanted] or choices
    return render_page(request, "dashboard/connecting/place.html", _context(None, 0, choices=choices))


def _ask_provider(request: PageRequest, place: Environment) -> HttpResponse:
    shows_all = request.GET.get("all") == "yes"
    tiles = picker.tiles_for(request.user, place.client, shows_all=shows_all)
    return render_page(request, "dashboard/connecting/picker.html", _context(place, 1, tiles=tiles, **_rest(shows_all)))


def _rest(shows_all: bool) -> dict[str, Any]:
    return {"shows_all": shows_all, "services": len(catalogue())}


@login_required
@require_POST
def find(request: PageRequest) -> HttpResponse:
    """Find a service by name, API address or pasted key. Posted, and never written back: it may be a key."""
    place = picker.find_place(request.user, request.GET.get("place", ""))
    if place is None:
        return HttpResponseRedirect(reverse("dashboard:connect"))
    text = request.POST.get("q", "")[:400]
    is_search = bool(text.strip())
    found = {"tiles": picker.tiles_for(request.user, place.client, text=text), "is_search": is_search}
    if is_search:
        found["looks_like"] = picker.recognised(text)
    context = _context(place, 1, base_url=picker.as_api_url(text), **found, **_rest(is_search))
    return render_page(request, "dashboard/connecting/picker.html", context, part="tiles")


def _ask_way(request: PageRequest, place: Environment, provider: Provider, *, ways: list[Way]) -> HttpResponse:
    needs_app = any(not way.is_ready for way in ways)
    context = _context(place, 2, provider=provider, ways=ways, needs_app=needs_app, known=known_of(provider))
    return render_page(request, "dashboard/connecting/way.html", context | _same(place, provider))


def _same(place: Environment, provider: Provider) -> dict[str, Any]:
    """Return what there is already, so that nobody connects the same account twice by accident."""
    rows = Connection.objects.filter(environment=place, provider_key=provider.key)
    return {"existing": list(rows[:5])}


def _last_step(
    request: PageRequest, place: Environment, provider: Provider, *, way: str, apps: list[OAuthApp]
) -> HttpResponse:
    app = next((app for app in apps if str(app.pk) == request.GET.get("app")), apps[0] if apps else None)
    form = _form(request, place, provider, way=way, app=app)
    if request.method == "POST":
        made = _made_already(request)
        if made is not None:
            return HttpResponseRedirect(_page_of(made))
        if form.is_valid():
            try:
                return _make(request, form)
            except (CannotMake, connections.BadValue) as refused:
                form.add_error(_field_of(form, refused.field), f"{capfirst(str(refused))}.")
            except (BadVariable, IntegrationError, VaultError) as refused:
                form.add_error(None, str(refused))
    context = _context(place, 3, provider=provider, way=way, app=app, apps=apps, form=form, draft=secrets.token_hex(8))
    context["steps"] = picker.steps(
        3, is_pasted=isinstance(form, PastedConnection | KeyConnection | ExchangedConnection)
    )
    context["can_edit_app"] = app is not None and can_manage(request.user, app.for_client)
    context |= _same(place, provider) | _seen_by_the_client(request, form)
    return render_page(request, "dashboard/connecting/details.html", context, status=422 if form.is_bound else 200)


def _form(
    request: PageRequest, place: Environment, provider: Provider, *, way: str, app: OAuthApp | None
) -> NewConnection:
    kind = grants.form_of(way)
    more: dict[str, Any] = {"user": request.user, "kind": way}
    if issubclass(kind, OAuthConnection):
        more = {"app": app, "initial": {"language": place.client.language}}
    elif issubclass(kind, KeyConnection):
        more["app"] = app if provider.oauth and provider.oauth.assertion.needs_app else None
    known = provider.of_kind(kind_of(way))
    data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = kind(data, files, provider=known, place=place, **more)
    form.ask_beside(kind_of(way))
    return form


def _field_of(form: NewConnection, name: str) -> str | None:
    names = (name, f"value_{name}", f"var_{name}", f"claim_{name}")
    return next((field for field in names if field in form.fields), None)


def _seen_by_the_client(request: PageRequest, form: NewConnection) -> dict[str, Any]:
    """Return what the page behind the link will say, in the chosen language."""
    if not isinstance(form, LinkedConnection):
        return {}
    client = form.place.client
    language = str(form["language"].value() or client.language)
    words = words_in(language, provider=form.provider.name, client=client.name, who=request.user.name)
    return {"words": words, "language": language}


def _make(request: PageRequest, form: NewConnection) -> HttpResponse:
    """Make the connection and go on by the way that was chosen."""
    if isinstance(form, PastedConnection) or grants.is_granted(form):
        return _store_and_try(request, form)
    if isinstance(form, AskedConnection):
        return _ask_for_it(request, form)
    assert isinstance(form, OAuthConnection)  # noqa: S101 - for the type checker: there are no others
    if isinstance(form, LinkedConnection):
        return _make_link(request, form)
    connection = _create(request, form, kind="oauth2")
    _remember(request, connection)
    # 307 sends the same POST on, with its CSRF token and ticked scopes: one press leads to the provider.
    start = HttpResponseRedirect(reverse("integrations:start", args=[connection.slug]))
    start.status_code = HTTPStatus.TEMPORARY_REDIRECT
    return start


def _ask_for_it(request: PageRequest, form: AskedConnection) -> HttpResponse:
    """Make the connection and go on to the link that asks for its credential."""
    connection = _create(request, form, kind=form.kind)
    _remember(request, connection)
    return HttpResponseRedirect(f"{reverse('dashboard:request_new')}?{urlencode({'connection': connection.slug})}")


def _make_link(request: PageRequest, form: LinkedConnection) -> HttpResponse:
    with transaction.atomic():
        connection = _create(request, form, kind="oauth2")
        link = hand_out(request, connection, form.cleaned_data)
    _remember(request, connection)
    send_fresh(request, link)
    return HttpResponseRedirect(reverse("dashboard:connection_links", args=[connection.slug]))


@transaction.atomic
def _create(request: PageRequest, form: NewConnection, *, kind: str) -> Connection:
    data, beside = form.cleaned_data, form.values_beside()
    check_beside(form.provider, kind, beside)
    connection = connections.create_connection(
        form.place.client,
        form.place,
        provider_key=form.provider.key,
        kind=kind,
        actor=actor_of(request),
        now=timezone.now(),
        label=data["label"],
        variables=form.variables(),
        oauth_app=form.app if isinstance(form, OAuthConnection | KeyConnection) else None,
        requested_scopes=form.requested() if isinstance(form, OAuthConnection | KeyConnection) else (),
        expected_account_id=data["expected_account_id"],
        awaits_variables=isinstance(form, AskedConnection),
    )
    store_beside(connection, provider_of(connection), beside, actor=actor_of(request))
    return connection


def _store_and_try(request: PageRequest, form: NewConnection) -> HttpResponse:
    """Store the credential bound to its provider, then try it with one harmless call."""
    now, actor = timezone.now(), actor_of(request)
    with transaction.atomic():
        connection = _create(request, form, kind=kind_of(request.GET["way"]))
        if isinstance(form, PastedConnection):
            connections.connect_key(connection, form.values(), actor=actor, now=now, **form.about())
        else:
            grants.store(connection, form, actor=actor, now=now)
    _remember(request, connection)
    result = connections.probe(connection, actor=actor, now=now)
    say = messages.success if result.is_good else messages.warning
    say(request, _("Stored, and tried with a harmless call: {sentence}").format(sentence=result.sentence))
    return HttpResponseRedirect(_page_of(connection))


def _page_of(connection: Connection) -> str:
    fallback = f"{reverse('dashboard:connections')}?{urlencode({'q': connection.slug})}"
    return url_of("connection", connection.slug, fallback=fallback)


def _remember(request: PageRequest, connection: Connection) -> None:
    made = list(request.session.get(MADE, []))
    request.session[MADE] = [*made, [request.POST.get("draft", ""), connection.slug]][-MOST_REMEMBERED:]


def _made_already(request: PageRequest) -> Connection | None:
    """Return the connection that this very form has made already."""
    slug = dict(request.session.get(MADE, [])).get(request.POST.get("draft") or None)
    found: Connection | None = (
        Connection.objects.manageable_by(request.user).filter(slug=slug).first() if slug else None
    )
    return found
