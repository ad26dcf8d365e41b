"""Change what a gateway token may do: its text stays, so nothing has to be pasted anew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.pages.client import tabs_for
from dashboard.pages.connection.forms import TokenForm
from dashboard.pages.connection.tokens import back_to_tokens, manageable_token
from dashboard.render import PageRequest, actor_of, render_page
from integrations import tokens
from integrations.gateway.held.callbacks import signing_text
from integrations.models import Connection, GatewayToken
from integrations.tokens import BadTokenLimits, TokenNameTaken
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http import HttpResponse


@login_required
@step_up_required
def change(request: PageRequest, pk: UUID) -> HttpResponse:
    """Give a token another name, other connections or limits; they hold from the next call."""
    token = manageable_token(request, pk)
    if token.revoked_at is not None:
        messages.error(request, _("{name} is revoked and cannot be changed. Make a new token.").format(name=token.name))
        return back_to_tokens(token)
    rows = Connection.objects.manageable_by(request.user).filter(client_id=token.client_id)
    form = TokenForm(
        request.POST or None, initial=as_it_is(token), connections=rows, client_id=token.client_id, token=token
    )
    if request.method == "POST" and form.is_valid():
        name, chosen = form.cleaned_data["name"], form.cleaned_data["connections"]
        try:
            tokens.change(token, actor=actor_of(request), name=name, connections=chosen, **form.limits())
        except (BadTokenLimits, TokenNameTaken) as refused:
            form.add_error(None, f"{refused}.")
        else:
            messages.success(
                request,
                _("{name} is changed. It holds from the next call; its text stays the same.").format(name=token.name),
            )
            return back_to_tokens(token)
    context = tabs_for(token.client, request.user, "client_tokens") | {
        "form": form,
        "token": token,
        "issuers": token.issuers.all(),
        "callback_secret": signing_text(token.pk),
    }
    return render_page(request, "dashboard/connection/token_change.html", context, status=422 if form.is_bound else 200)


def as_it_is(token: GatewayToken) -> dict[str, Any]:
    """Return what the form shows first. The last day is the one at whose end the token dies."""
    ends = token.expires_at and timezone.localdate(token.expires_at - timedelta(microseconds=1))
    return {
        "name": token.name,
        "connections": list(token.connections.values_list("pk", flat=True)),
        "methods": token.methods,
        "paths": "\n".join(token.paths),
        "per_minute": token.per_minute,
        "per_day": token.per_day,
        "min_gap_s": token.min_gap_s,
        "max_wait_s": token.max_wait_s,
        "max_uses": token.max_uses,
        "keep_failed": token.keep_failed,
        "serve_stale": token.serve_stale,
        "origins": "\n".join(token.origins),
        "ends_on": ends,
        "ip_ranges": "\n".join(token.ip_ranges),
    }
