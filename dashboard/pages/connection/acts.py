"""What a manager does to a connection: rename, pause, resume, try, store its credential, disconnect, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from dashboard.pages.connection.beside import beside_page
from dashboard.pages.connection.finding import CHANGED, back_to, manageable_connection
from dashboard.pages.connection.forms import CredentialForm, RenameForm
from dashboard.pages.connection.key import key_page
from dashboard.pages.connection.one import head_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations import connections
from integrations.connections import BadValue, ConnectionChanged, StillUsed
from integrations.connections.credential import FIELDS
from integrations.connections.granting import connect_app, connect_exchange
from integrations.models import Connection
from integrations.oauth.app import choose_app, usable_apps
from integrations.providers.gone import shown_provider
from integrations.used_by import callers_lately
from secrets_vault.errors import VaultError
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http import HttpResponse


@login_required
@require_POST
def rename(request: PageRequest, slug: str) -> HttpResponse:
    """Give it another name."""
    connection, form = manageable_connection(request, slug), RenameForm(request.POST)
    if form.is_valid():
        connections.rename(connection, form.cleaned_data["label"], actor=actor_of(request))
        messages.success(request, "Saved.")
    else:
        messages.error(request, _("A name has at most 120 characters."))
    return back_to(connection)


@login_required
@require_POST
def choose_oauth_app(request: PageRequest, slug: str) -> HttpResponse:
    """Give a connection without an OAuth app one of those that it can use."""
    connection = manageable_connection(request, slug)
    apps = {str(app.pk): app for app in usable_apps(connection.provider_key, connection.client)}
    app = apps.get(request.POST.get("app", ""))
    if app is None or connection.oauth_app_id is not None:
        messages.error(request, _("Nothing was changed: this app cannot be chosen for it, or it has one already."))
        return back_to(connection)
    words = _("It uses the OAuth app {name} from now on. Connect it, or send the client a connect link.").format(
        name=app.name
    )
    return _do(request, connection, words, lambda: choose_app(connection, app, actor=actor_of(request)))


@login_required
@require_POST
def confirm_account(request: PageRequest, slug: str) -> HttpResponse:
    """Say that it is the account that was wanted, where the provider does not."""
    connection = manageable_connection(request, slug)
    words = _("Confirmed: {account}.").format(account=connection.wanted_account_id)
    return _do(request, connection, words, lambda: connections.confirm_account(connection, actor=actor_of(request)))


@login_required
@require_POST
def pause(request: PageRequest, slug: str) -> HttpResponse:
    """Refuse every call until it is resumed."""
    connection = manageable_connection(request, slug)
    words = _("Paused. Every call is refused until you resume it.")
    return _do(
        request, connection, words, lambda: connections.pause(connection, actor=actor_of(request), now=timezone.now())
    )


@login_required
@require_POST
def resume(request: PageRequest, slug: str) -> HttpResponse:
    """Let calls through again."""
    connection = manageable_connection(request, slug)
    words = _("Resumed. Calls go through again.")
    return _do(
        request, connection, words, lambda: connections.resume(connection, actor=actor_of(request), now=timezone.now())
    )


@login_required
@require_POST
def probe(request: PageRequest, slug: str) -> HttpResponse:
    """Try the credential with the provider's cheapest call."""
    connection = manageable_connection(request, slug)
    if connection.kind == Connection.Kind.CLIENT_CREDENTIALS and connection.status == Connection.Status.NOT_CONNECTED:
        connect_app(connection, actor=actor_of(request), now=timezone.now())
    result = connections.probe(connection, actor=actor_of(request))
    (messages.success if result.is_good else messages.warning)(request, result.sentence)
    return back_to(connection)


@login_required
@require_POST
def disconnect(request: PageRequest, slug: str) -> HttpResponse:
    """Give the access back, forget the credential, and say honestly whether the provider confirmed it."""
    connection = manageable_connection(request, slug)
    if used_by := _used_untyped(request, connection):
        said = _("Not disconnected: {names} called through it in the last 7 days. Type {slug} to do it all the same.")
        messages.error(request, said.format(names=used_by, slug=connection.slug))
        return back_to(connection)
    try:
        outcome = connections.disconnect(connection, actor=actor_of(request), now=timezone.now())
    except ConnectionChanged:
        messages.error(request, CHANGED)
        return back_to(connection)
    if not connection.has_tokens:
        messages.success(
            request,
            _(
                "Disconnected. The credential is put aside in the vault and can be brought back. It "
                "still works at the provider until you revoke it there."
            ),
        )
    else:
        say = messages.success if outcome.done else messages.warning
        say(request, _("Disconnected here. {sentence}").format(sentence=outcome.sentence))
    return back_to(connection)


@login_required
@require_POST
@step_up_required
def delete(request: PageRequest, slug: str) -> HttpResponse:
    """Remove the connection for good; while gateway tokens use it, only when that was said."""
    connection = manageable_connection(request, slug)
    client_slug, name = connection.client.slug, str(connection)
    even_if_used = request.POST.get("even_if_used") == "yes"
    if used_by := _used_untyped(request, connection):
        said = _("Not deleted: {names} called through it in the last 7 days. Type {slug} to delete it all the same.")
        messages.error(request, said.format(names=used_by, slug=connection.slug))
        return back_to(connection)
    try:
        outcome = connections.delete(connection, actor=actor_of(request), now=timezone.now(), even_if_used=even_if_used)
    except StillUsed as used:
        names = ", ".join(used.names[:5])
        messages.error(
            request,
            _("Not deleted: {names} would stop working. Revoke them, or tick “delete it all the same”.").format(
                names=names
            ),
        )
        return back_to(connection)
    except ConnectionChanged:
        messages.error(request, CHANGED)
        return back_to(connection)
    say = messages.success if outcome.done else messages.warning
    said = _("{name} is deleted. Its calls and its history stay.").format(name=name)
    say(request, said if outcome.done else f"{said} {outcome.sentence}")
    return HttpResponseRedirect(reverse("dashboard:client_connections", args=[client_slug]))


def _used_untyped(request: PageRequest, connection: Connection) -> str:
    """Name who has called lately, unless the connection's name was typed in spite of it."""
    used_by = callers_lately(connection, now=timezone.now())
    return "" if request.POST.get("typed") == connection.slug else ", ".join(used_by[:5])


@sensitive_post_parameters()
@sensitive_variables("form", "fields")
@login_required
@step_up_required
def credential(request: PageRequest, slug: str) -> HttpResponse:
    """Store a credential, or the next version of it, and try it at once."""
    connection = manageable_connection(request, slug)
    has_beside = bool(shown_provider(connection).fields_beside(connection.kind))
    if has_beside and (not connection.keeps_a_key or request.GET.get("what") == "beside"):
        return beside_page(request, connection)
    if connection.kind == Connection.Kind.JWT_BEARER:
        return key_page(request, connection)
    is_exchanged = connection.kind == Connection.Kind.KEY_EXCHANGE
    if connection.kind not in FIELDS and not is_exchanged:
        raise Http404
    keep: Callable[..., object] = connect_exchange if is_exchanged else connections.connect_key
    form = CredentialForm(request.POST or None, wanted=shown_provider(connection).fields_of(connection.kind))
    if request.method == "POST" and form.is_valid():
        try:
            keep(
                connection,
                form.values(),
                actor=actor_of(request),
                now=timezone.now(),
                made_on=form.cleaned_data["made_on"],
            )
        except BadValue as refused:
            form.add_error(refused.field if refused.field in form.fields else None, f"{refused}.")
        except (ConnectionChanged, VaultError):
            form.add_error(None, CHANGED)
        else:
            result = connections.probe(connection, actor=actor_of(request))
            (messages.success if result.is_good else messages.warning)(request, f"Stored. {result.sentence}")
            return back_to(connection)
    context = head_of(connection, request, now=timezone.now()) | {"form": form}
    return render_page(request, "dashboard/connection/credential.html", context, status=422 if form.is_bound else 200)


def _do(request: PageRequest, connection: Connection, words: str, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except ConnectionChanged:
        messages.error(request, CHANGED)
    else:
        messages.success(request, words)
    return back_to(connection)
