"""The test call: a method, a path and a body, sent through our own gateway by who may manage the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.call_words import reading_words
from dashboard.pages.connection.call_form import TestCallForm
from dashboard.pages.connection.finding import manageable_connection
from dashboard.pages.connection.one import head_of
from dashboard.pages.connection.tried import paths_of, pretty, remember, tried_before
from dashboard.render import PageRequest, actor_of, render_page, wants_part
from integrations import connections
from integrations.gateway.console import Tried, try_call
from integrations.gateway.problems import Problem
from integrations.models import Connection
from integrations.providers.gone import shown_provider

if TYPE_CHECKING:
    from django.http import HttpResponse

TEMPLATE = "dashboard/connection/call.html"
PAGE = "dashboard/connection/one.html"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@login_required
@require_POST
def call(request: PageRequest, slug: str) -> HttpResponse:
    """Send one call and show what came back, masked."""
    connection = manageable_connection(request, slug)
    form = TestCallForm(request.POST)
    context = head_of(connection, request, now=timezone.now()) | console_of(connection, request) | {"call_form": form}
    if not form.is_valid():
        return render_page(request, TEMPLATE, context, part="console", status=422)
    asked = {name: form.cleaned_data[name] for name in ("method", "path", "body", "headers")}
    if asks_again(connection, asked["method"]) and not form.cleaned_data["sure"]:
        return render_page(request, TEMPLATE, context | {"asks_again": True}, part="console", status=409)
    try:
        tried = try_call(connection, actor=actor_of(request), **asked)
    except Problem as problem:
        form.add_error(None, str(problem))
        return render_page(request, TEMPLATE, context, part="console", status=409)
    remember(request, connection, tried, method=asked["method"], now=timezone.now())
    context |= console_of(connection, request) | shown(tried)
    after = manageable_connection(request, slug)  # as the call left it: a refused one may have renewed the access
    if is_at_odds(after, tried):
        connections.probe(after, actor=actor_of(request))
        after = manageable_connection(request, slug)
    return _with_state(request, after, context)


def asks_again(connection: Connection, method: str) -> bool:
    """Tell whether a call is asked about twice: it may change something, and this is production."""
    return connection.environment.is_production and method in WRITES


def console_of(connection: Connection, request: PageRequest) -> dict[str, Any]:
    """Return what stands around the form: paths to begin with, and what was tried in this session."""
    return {"paths": paths_of(shown_provider(connection)), "tried_before": tried_before(request, connection)}


def shown(tried: Tried) -> dict[str, Any]:
    """Return an outcome for the page."""
    return {
        "tried": tried,
        "tried_body": pretty(tried.body),
        "tried_limits": [reading_words(reading) for reading in tried.readings],
    }


def is_at_odds(connection: Connection, tried: Tried) -> bool:
    """Tell whether a call says otherwise, or more, than the state: then the provider's own cheapest call decides.

    One path may be refused to a credential that is good, so a call alone does not change the state.
    """
    works = tried.status is not None and tried.status < 300
    if connection.status == Connection.Status.CONNECTED:
        return tried.status == 401 or (works and connection.probed_at is None)
    return works


def _with_state(request: PageRequest, connection: Connection, context: dict[str, Any]) -> HttpResponse:
    """Answer with what came back and, for htmx, the state beside it: the call may have changed that."""
    context |= head_of(connection, request, now=timezone.now())
    response = render_page(request, TEMPLATE, context, part="console")
    if wants_part(request):
        response.content += render_to_string(f"{PAGE}#state", context | {"is_beside": True}, request).encode()
    return response
