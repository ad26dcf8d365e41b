"""Tokens that report errors: listed, made and shown once, looked at, rolled, tested, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from dashboard.names import name_providers
from dashboard.pages.client import find_client, tabs_for
from dashboard.pages.connection.forms import RollForm
from dashboard.pages.reporting.forms import ApiTokenForm
from dashboard.pages.reporting.recipes import intake_url, n8n_workflow, recipes_for
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.api import tokens
from integrations.api.test_sender import send_test
from integrations.api.tokens import BadApiToken
from integrations.models import ApiToken, Connection, ErrorGroup
from integrations.models.call import Source
from secrets_vault.access import can_manage
from secrets_vault.models import Client
from secrets_vault.people.step_up import step_up_required
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet

TAB = "client_reporting"
SHOWN_GROUPS = 5


@login_required
@require_safe
def listing(request: PageRequest, slug: str) -> HttpResponse:
    """List a client's tokens that report errors, and what was reported last."""
    client = find_client(request, slug)
    rows = ApiToken.objects.visible_to(request.user).filter(client=client).select_related("connection")
    groups = ErrorGroup.objects.visible_to(request.user).filter(client_id=client.pk).exclude(source=Source.GATEWAY)
    page = page_of(rows, request)
    shown = {
        "page": page,
        "groups": name_providers(list(groups[:SHOWN_GROUPS])) if page.is_first else [],
        "now": timezone.now(),
    }
    context = tabs_for(client, request.user, TAB) | shown
    return render_page(request, "dashboard/reporting/list.html", context, part="list")


@login_required
@step_up_required
def new(request: PageRequest, slug: str) -> HttpResponse:
    """Make a token that reports errors for a client, and show its text this once."""
    client = get_object_or_404(Client.objects.manageable_by(request.user).prefetch_related("environments"), slug=slug)
    connections = Connection.objects.manageable_by(request.user).filter(client=client).order_by("slug")
    form = ApiTokenForm(request.POST or None, connections=connections, initial={"name": free_name(client)})
    if request.method == "POST" and form.is_valid():
        name, now = form.cleaned_data["name"], timezone.now()
        try:
            token, secret = tokens.make(client, name, actor=actor_of(request), now=now, **form.terms())
        except BadApiToken as refused:
            form.add_error(None, f"{refused}.")
        else:
            return _shown(request, token, secret)
    context = tabs_for(client, request.user, TAB) | {"form": form}
    return render_page(request, "dashboard/reporting/new.html", context, status=422 if form.is_bound else 200)


def free_name(client: Client) -> str:
    """Return a name that no token of the client has."""
    wanted = _("Error reports")
    taken = set(ApiToken.objects.filter(client=client).values_list("name", flat=True))
    numbered = (f"{wanted} {number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *numbered) if name not in taken)


@login_required
@require_safe
def one(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show what a token may, and how each tool reports with it; its text is in none of it."""
    token = _found(request, ApiToken.objects.visible_to(request.user), pk)
    return render_page(request, "dashboard/reporting/one.html", _about(request, token))


@login_required
@require_POST
@step_up_required
def roll(request: PageRequest, pk: UUID) -> HttpResponse:
    """Make a new text for a token; the old one works on for the hours that were chosen."""
    token, form = manageable(request, pk), RollForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose how long the old one works."))
        return _back(token)
    keep = timedelta(hours=form.cleaned_data["hours"])
    try:
        secret = tokens.roll(token, actor=actor_of(request), now=timezone.now(), keep=keep)
    except BadApiToken as refused:
        messages.error(request, _("Not rolled: {refused}.").format(refused=refused))
        return _back(token)
    return _shown(request, token, secret, is_rolled=True)


@login_required
@require_POST
def revoke(request: PageRequest, pk: UUID) -> HttpResponse:
    """Make a token useless from the next report on."""
    token = manageable(request, pk)
    tokens.revoke(token, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("{name} is revoked. Reports with it are refused from now on.").format(name=token.name))
    return _back(token)


@login_required
@require_POST
def test(request: PageRequest, pk: UUID) -> HttpResponse:
    """Send a test error by HTTP, as a tool would, and show what came of it."""
    token = manageable(request, pk)
    try:
        sent = send_test(token, actor=actor_of(request), now=timezone.now())
    except BadApiToken as refused:
        messages.error(request, _("Not sent: {refused}.").format(refused=refused))
        return _back(token)
    context = _about(request, token) | {"sent": sent}
    return render_page(request, "dashboard/reporting/one.html", context, part="test")


@login_required
@require_safe
def n8n(request: PageRequest, pk: UUID) -> HttpResponse:
    """Give an error workflow that n8n imports. It holds no token, so who may look may have it."""
    token = _found(request, ApiToken.objects.visible_to(request.user), pk)
    headers = {"Content-Disposition": 'attachment; filename="keylodge-errors-n8n.json"', "Cache-Control": "no-store"}
    return HttpResponse(n8n_workflow(token), content_type="application/json", headers=headers)


def manageable(request: PageRequest, pk: UUID) -> ApiToken:
    """Return a token this person may change; anything else is 404."""
    return _found(request, ApiToken.objects.manageable_by(request.user), pk)


def _found(request: PageRequest, rows: VisibleQuerySet, pk: UUID) -> ApiToken:
    token: ApiToken = get_object_or_404(rows.select_related("client", "connection"), pk=pk)
    return token


def _back(token: ApiToken) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("dashboard:api_token", args=[token.pk]))


def _about(request: PageRequest, token: ApiToken, *, text: str = "") -> dict[str, Any]:
    now = timezone.now()
    has_ended = token.expires_at is not None and token.expires_at <= now
    return tabs_for(token.client, request.user, TAB) | {
        "token": token,
        "is_living": token.revoked_at is None and not has_ended,
        "may_act": can_manage(request.user, token.client) and token.revoked_at is None,
        "recipes": recipes_for(token, text=text) if text else recipes_for(token),
        "intake_url": intake_url(),
        "is_only_here": not settings.IS_HTTPS,
        "roll_form": RollForm(),
        "now": now,
    }


@sensitive_variables("plaintext", "context")
def _shown(request: PageRequest, token: ApiToken, secret: Secret, *, is_rolled: bool = False) -> HttpResponse:
    """Show the text of a token, this once, in every form in which it can be pasted."""
    plaintext = secret.expose()
    context = _about(request, token, text=plaintext) | {"plaintext": plaintext, "is_rolled": is_rolled}
    return render_page(request, "dashboard/reporting/made.html", context)
