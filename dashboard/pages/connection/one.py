"""One connection: how it is and what to do, whose account it is, who calls it, how to call it. No value is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from dashboard.names import name_providers
from dashboard.pages.connection.account import choices_of, pinned_of
from dashboard.pages.connection.call_form import TestCallForm
from dashboard.pages.connection.callers import DAYS, callers_of, day_of_connection
from dashboard.pages.connection.finding import visible_connection
from dashboard.pages.connection.forms import RenameForm
from dashboard.pages.connection.health import changes_of
from dashboard.pages.connection.life import deaths_of, life_of, rights_of
from dashboard.pages.connection.outage import shown_outage
from dashboard.pages.connection.recipes import Example, example_path, gateway_url, n8n_workflow, recipes_for
from dashboard.pages.connection.state import state_of
from dashboard.pages.connection.tried import paths_of, tried_before
from dashboard.pages.requests.state import links_of
from dashboard.render import PageRequest, render_page, wants_part
from dashboard.tightest import Tight
from integrations.connections import living_tokens
from integrations.models import Connection, ErrorGroup, LimitReading
from integrations.oauth.app import usable_apps
from integrations.providers.gone import shown_provider
from integrations.status import CHOICE_NEEDED
from integrations.usage.batches import hints_of
from secrets_vault.access import can_manage
from secrets_vault.models import AuditEvent

if TYPE_CHECKING:
    from datetime import datetime

    from integrations.providers.shape import Provider

TEMPLATE = "dashboard/connection/one.html"


@login_required
@require_safe
def connection(request: PageRequest, slug: str) -> HttpResponse:
    """Show one connection; while it waits for something, htmx asks for the state alone."""
    found, now = visible_connection(request, slug), timezone.now()
    context = head_of(found, request, now=now)
    if wants_part(request):
        response = render_page(request, TEMPLATE, context, part="state")
        if not context["state"].is_waiting:
            response.headers["HX-Refresh"] = "true"  # what it waited for has come: the whole page has changed
        return response
    return render_page(request, TEMPLATE, context | details_of(found, request, now=now))


def head_of(found: Connection, request: PageRequest, *, now: datetime) -> dict[str, Any]:
    """Return what the head of every page of a connection needs."""
    provider = shown_provider(found)
    name_providers([found])
    state, may = state_of(found, provider, now=now), can_manage(request.user, found.client)
    app = found.oauth_app
    return {
        "connection": found,
        "provider": provider,
        "can_manage": may,
        "state": state,
        "outage": shown_outage(found, now=now),
        "may_change_app": app is not None and can_manage(request.user, app.for_client),
        "usable_apps": usable_apps(found.provider_key, found.client) if may and state.act == "choose_app" else [],
    }


def details_of(found: Connection, request: PageRequest, *, now: datetime) -> dict[str, Any]:
    """Return everything under the head."""
    provider = shown_provider(found)
    tokens = list(found.gateway_tokens.order_by("name"))
    callers = callers_of(found, tokens, now=now)
    return {
        "rights": rights_of(found, provider),
        "life": life_of(found, now=now),
        "changes": changes_of(found, provider),
        "probe_every": Connection.ProbeEvery.choices,
        "deaths": deaths_of(found, provider),
        "tokens": tokens,
        "living": [token.name for token in living_tokens(found, now=now)],
        "callers": callers,
        "used_lately": [caller.name for caller in callers if caller.token and not caller.token.revoked_at],
        "days": DAYS,
        "calls_a_day": sum(caller.a_day for caller in callers),
        "hours": day_of_connection(found, now=now),
        "limits": limits_of(found),
        "hints": hints_of(found.pk, provider, now=now),
        "is_stopped": found.spend_stopped_until is not None and found.spend_stopped_until > now,
        "documented": [limit for limit in provider.limits if not limit.kinds or found.kind in limit.kinds],
        "groups": ErrorGroup.objects.filter(connection_id=found.pk)[:5],
        "versions": found.secret.versions.order_by("-number")[:5] if found.secret else [],
        "links": links_of(found, request.user, now=now),
        "events": AuditEvent.objects.visible_to(request.user).filter(object_id=str(found.pk))[:12],
        "choices": choices_of(found),
        "undecided": found.status_code == CHOICE_NEEDED,
        "pinned": pinned_of(found, provider),
        "beside": [gettext(field.words) for field in provider.fields_beside(found.kind)],
        **calling(found, provider),
        **forms_for(found, provider),
        "paths": paths_of(provider),
        "tried_before": tried_before(request, found),
    }


def limits_of(found: Connection) -> list[Tight]:
    """Return the newest reading of each quota."""
    rows = LimitReading.objects.filter(connection_id=found.pk).order_by("bucket")
    return [Tight(row, found) for row in rows]


def calling(found: Connection, provider: Provider, **token: str) -> dict[str, Any]:
    """Return what the part "How to call it" shows."""
    return {
        "recipes": recipes_for(found, provider, **token),
        "example": Example.of(found, provider),
        "example_path": example_path(provider),
        "gateway_url": gateway_url(found),
        "is_only_here": not settings.IS_HTTPS,
    }


def forms_for(found: Connection, provider: Provider) -> dict[str, Any]:
    """Return the empty forms of the page."""
    return {
        "rename_form": RenameForm(initial={"label": found.label}),
        "call_form": TestCallForm(initial={"method": "GET", "path": example_path(provider)}),
    }


@login_required
@require_safe
def n8n_node(request: PageRequest, slug: str) -> HttpResponse:
    """Give a node that n8n imports. It holds no token, so who may look may have it."""
    found = visible_connection(request, slug)
    body = n8n_workflow(found, shown_provider(found))
    headers = {"Content-Disposition": f'attachment; filename="{found.slug}-n8n.json"', "Cache-Control": "no-store"}
    return HttpResponse(body, content_type="application/json", headers=headers)
