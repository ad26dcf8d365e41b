"""Gateway tokens on pages: made and shown once, rolled, revoked. The door through which a new token is seen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from dashboard.names import name_providers
from dashboard.pages.connection.finding import manageable_connection
from dashboard.pages.connection.forms import DEFAULT_PER_MINUTE, RollForm, TokenForm
from dashboard.pages.connection.one import calling, head_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations import tokens
from integrations.models import Connection, GatewayToken
from integrations.providers.gone import shown_provider
from integrations.tokens import BadTokenLimits, TokenNameTaken
from integrations.used_by import is_used_lately
from secrets_vault.people.step_up import step_up_required
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django.http import HttpResponse


@login_required
@step_up_required
def new(request: PageRequest, slug: str) -> HttpResponse:
    """Make a gateway token for a connection, and others of the same client."""
    connection = manageable_connection(request, slug)
    rows = Connection.objects.manageable_by(request.user).filter(client_id=connection.client_id)
    own = {"connections": rows, "client_id": connection.client_id}
    form = TokenForm(request.POST or None, initial=proposed(connection), **own)
    if request.method == "POST" and form.is_valid():
        chosen, name = form.cleaned_data["connections"], form.cleaned_data["name"]
        try:
            token, secret = tokens.make(connection.client, name, chosen, actor=actor_of(request), **form.limits())
        except (BadTokenLimits, TokenNameTaken) as refused:
            form.add_error(None, f"{refused}.")
        else:
            return _shown(request, connection if connection in chosen else chosen[0], token, secret)
    context = head_of(connection, request, now=timezone.now()) | {"form": form}
    return render_page(request, "dashboard/connection/token.html", context, status=422 if form.is_bound else 200)


def proposed(connection: Connection) -> dict[str, Any]:
    """Return the limits to begin with: reading only, and only some paths, where the consent allows no more."""
    granted = [scope for scope in connection.granted_scopes if scope not in ("oauth", "offline_access", "openid")]
    reads = bool(granted) and all(scope.lower().endswith(("read", "readonly", "read_only")) for scope in granted)
    methods = ["GET", "HEAD"] if reads else []
    reach = shown_provider(connection).reach_of(connection.granted_scopes)
    return {
        "name": free_name(connection),
        "connections": [connection.pk],
        "methods": methods,
        "only_rights": bool(reach.paths) and not reach.unknown,
        "per_minute": DEFAULT_PER_MINUTE,
    }


def free_name(connection: Connection) -> str:
    """Return a name that no token of the client has."""
    wanted = f"{connection} automation"[:110]
    taken = set(GatewayToken.objects.filter(client_id=connection.client_id).values_list("name", flat=True))
    numbered = (f"{wanted} {number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *numbered) if name not in taken)


@login_required
@require_POST
@step_up_required
def roll(request: PageRequest, pk: UUID) -> HttpResponse:
    """Make a new text for a token; the old one works on for the hours that were chosen."""
    token, form = manageable_token(request, pk), RollForm(request.POST)
    connection = token.connections.select_related("client", "environment", "secret__current").first()
    if connection is None or not form.is_valid():
        messages.error(request, _("Choose how long the old one works. A token without a connection cannot be rolled."))
        return back_to_tokens(token)
    hours = form.cleaned_data["hours"]
    try:
        secret = tokens.roll(token, actor=actor_of(request), now=timezone.now(), keep=timedelta(hours=hours))
    except BadTokenLimits as refused:
        messages.error(request, _("Not rolled: {refused}.").format(refused=refused))
        return back_to_tokens(token)
    return _shown(request, connection, token, secret, is_rolled=True)


@login_required
@require_POST
def revoke(request: PageRequest, pk: UUID) -> HttpResponse:
    """Make a token useless from the next call on."""
    token = manageable_token(request, pk)
    if is_used_lately(token, now=timezone.now()) and request.POST.get("typed") != token.name:
        said = _("Not revoked: {name} was used in the last 7 days. Type its name to revoke it all the same.")
        messages.error(request, said.format(name=token.name))
        return back_to_tokens(token)
    tokens.revoke(token, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("{name} is revoked. Calls with it are refused from now on.").format(name=token.name))
    return back_to_tokens(token)


def manageable_token(request: PageRequest, pk: UUID) -> GatewayToken:
    """Return a token this person may change; anything else is 404."""
    token: GatewayToken = get_object_or_404(
        GatewayToken.objects.manageable_by(request.user).select_related("client"), pk=pk
    )
    return token


def back_to_tokens(token: GatewayToken) -> HttpResponseRedirect:
    """Return to the list of the client's tokens."""
    return HttpResponseRedirect(reverse("dashboard:client_tokens", args=[token.client.slug]))


@sensitive_variables("plaintext", "context")
def _shown(
    request: PageRequest, connection: Connection, token: GatewayToken, secret: Secret, *, is_rolled: bool = False
) -> HttpResponse:
    """Show the text of a token, this once, in every form in which it can be pasted."""
    plaintext = secret.expose()
    name_providers([connection])
    context = {
        "connection": connection,
        "token": token,
        "plaintext": plaintext,
        "is_rolled": is_rolled,
        **calling(connection, shown_provider(connection), token=plaintext),
    }
    return render_page(request, "dashboard/connection/token_made.html", context)
