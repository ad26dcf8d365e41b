"""What a manager changes on the pages of limits: the slow-down line, a cap for one caller, a budget."""

from __future__ import annotations

from typing import NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.forms import PageForm
from dashboard.pages.limits.money_forms import BudgetForm
from dashboard.render import PageRequest, actor_of
from integrations import tokens
from integrations.models import Connection, GatewayToken
from integrations.tokens import BadTokenLimits
from integrations.usage.budgets import set_budget
from secrets_vault import audit, generation
from secrets_vault.models import Client

CAPPED = "capped_last"


class Cap(PageForm):
    """How many calls a minute a caller may still make."""

    per_minute = forms.IntegerField(min_value=1, max_value=1_000_000)


class SlowDown(PageForm):
    """Where the bar turns amber."""

    percent = forms.IntegerField(min_value=10, max_value=100)


@require_POST
def slow_down(request: PageRequest, slug: str) -> HttpResponse:
    """Move the slow-down line of one connection."""
    connection = get_object_or_404(Connection.objects.manageable_by(request.user), slug=slug)
    form = SlowDown(request.POST)
    if not form.is_valid():
        messages.error(request, _("The slow-down line is a whole number from 10 to 100 percent."))
        return _back(request)
    percent = form.cleaned_data["percent"]
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(slow_down_percent=percent)
        details = {"slow_down_percent": percent, "was": connection.slow_down_percent}
        audit.record(
            "connection.changed", actor=actor_of(request), client=connection.client_id, subject=connection,
            details=details,
        )  # fmt: skip
        generation.bump()
    messages.success(
        request, _("{connection}: the slow-down line is at {percent} %.").format(connection=connection, percent=percent)
    )
    return _back(request)


@require_POST
def cap(request: PageRequest, slug: str) -> HttpResponse:
    """Let one gateway token make fewer calls a minute; it holds from the next call on."""
    connection = get_object_or_404(Connection.objects.manageable_by(request.user), slug=slug)
    token = _caller(request, connection)
    form = Cap(request.POST)
    if token is None:
        messages.error(request, _("Choose one of this connection's gateway tokens."))
        return _back(request, connection)
    if not form.is_valid():
        messages.error(request, _("A cap is a whole number of calls a minute, 1 or more."))
        return _back(request, connection)
    most = form.cleaned_data["per_minute"]
    if token.per_minute is not None and most >= token.per_minute:
        messages.error(
            request, _("{name} may make {n} calls a minute: a cap is less.").format(name=token.name, n=token.per_minute)
        )
        return _back(request, connection)
    was = token.per_minute
    try:
        tokens.change(token, actor=actor_of(request), per_minute=most)
    except BadTokenLimits as refused:
        messages.error(request, f"{refused}.")
        return _back(request, connection)
    request.session[CAPPED] = {"token": str(token.pk), "of": connection.slug, "was": was, "is": most}
    messages.success(request, _("{name} may make {n} calls a minute from now on.").format(name=token.name, n=most))
    return _back(request, connection)


@require_POST
def uncap(request: PageRequest, slug: str) -> HttpResponse:
    """Take the cap back that this person set last, unless somebody has changed it since."""
    connection = get_object_or_404(Connection.objects.manageable_by(request.user), slug=slug)
    capped = capped_here(request, connection)
    request.session.pop(CAPPED, None)
    if capped is None:
        messages.error(request, _("There is no cap of yours to take back."))
        return _back(request, connection)
    tokens.change(capped.token, actor=actor_of(request), per_minute=capped.was)
    messages.success(request, _("{name} is as it was.").format(name=capped.token.name))
    return _back(request, connection)


class Capped(NamedTuple):
    """The cap that this person set last, while it stands."""

    token: GatewayToken
    was: int | None


def capped_here(request: PageRequest, connection: Connection) -> Capped | None:
    """Return the cap that can be taken back on this connection's page."""
    kept = request.session.get(CAPPED)
    if not kept or kept["of"] != connection.slug:
        return None
    rows = GatewayToken.objects.manageable_by(request.user).filter(revoked_at=None, per_minute=kept["is"])
    token = rows.filter(pk=kept["token"]).first()
    return Capped(token, kept["was"]) if token else None


def _caller(request: PageRequest, connection: Connection) -> GatewayToken | None:
    """Return the token that is to be capped: one of this connection's, that this person manages; else None."""
    rows = GatewayToken.objects.manageable_by(request.user).filter(connections=connection)
    try:
        token: GatewayToken | None = rows.filter(pk=request.POST.get("token", "")).first()
    except ValidationError:  # no id at all
        return None
    return token


@require_POST
def budget(request: PageRequest, slug: str) -> HttpResponse:
    """Set what a connection may cost in a month."""
    connection = get_object_or_404(Connection.objects.manageable_by(request.user).select_related("client"), slug=slug)
    _set_budget(request, connection.client, connection)
    return _back(request, connection)


@require_POST
def client_budget(request: PageRequest, slug: str) -> HttpResponse:
    """Set what a whole client may cost in a month."""
    client = get_object_or_404(Client.objects.manageable_by(request.user), slug=slug)
    _set_budget(request, client, None)
    return HttpResponseRedirect(reverse("dashboard:usage_client", args=[client.slug]))


def _set_budget(request: PageRequest, client: Client, connection: Connection | None) -> None:
    form = BudgetForm(request.POST)
    if not form.is_valid():
        said = " ".join(str(error) for errors in form.errors.values() for error in errors)
        messages.error(request, said)
        return
    amounts = {"warn_nano": form.cleaned_data["warn"], "stop_nano": form.cleaned_data["stop"]}
    made = set_budget(client, connection, actor=actor_of(request), now=timezone.now(), **amounts)
    messages.success(request, _("The budget is set. It holds at once.") if made else _("No budget is set."))


def _back(request: PageRequest, connection: Connection | None = None) -> HttpResponse:
    wanted = request.POST.get("next", "")
    is_ours = wanted.startswith("/limits/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    if is_ours:
        return HttpResponseRedirect(wanted)
    if connection is not None:
        return HttpResponseRedirect(reverse("dashboard:limit", args=[connection.slug]))
    return HttpResponseRedirect(reverse("dashboard:limits"))
