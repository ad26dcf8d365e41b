"""The test call: a method, a path and a body, sent through our own gateway by who may manage the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboard.call_words import reading_words
from dashboard.pages.calls.twice import lacks_of, words_of
from dashboard.pages.connection.call_form import TestCallForm
from dashboard.pages.connection.finding import manageable_connection
from dashboard.pages.connection.one import head_of
from dashboard.pages.connection.recipes import example_path
from dashboard.pages.connection.tried import paths_of, pretty, remember, tried_before
from dashboard.render import PageRequest, actor_of, render_page, wants_part
from integrations import connections
from integrations.gateway.again import Again, AlreadyMade, Left, draft_of, left_of
from integrations.gateway.console import METHODS, Tried, try_call
from integrations.gateway.problems import Problem
from integrations.models import Call, Connection
from integrations.providers.gone import shown_provider
from secrets_vault.ids import uuid7

if TYPE_CHECKING:
    from django.http import HttpResponse

TEMPLATE = "dashboard/connection/call.html"
PAGE = "dashboard/connection/one.html"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@login_required
@require_http_methods(["GET", "POST"])
def call(request: PageRequest, slug: str) -> HttpResponse:
    """Send one call and show what came back, masked. A GET shows the form, with what is left of an earlier call."""
    connection = manageable_connection(request, slug)
    if request.method == "GET":
        return _prepared(request, connection)
    form = TestCallForm(request.POST)
    context = head_of(connection, request, now=timezone.now()) | console_of(connection, request) | {"call_form": form}
    if not form.is_valid():
        return render_page(request, TEMPLATE, context, part="console", status=422)
    asked = {name: form.cleaned_data[name] for name in ("method", "path", "body", "headers")}
    if asks_again(connection, asked["method"]) and not form.cleaned_data["sure"]:
        return render_page(request, TEMPLATE, context | {"asks_again": True}, part="console", status=409)
    try:
        approval = form.cleaned_data["approval"] or uuid7()
        again = _again(request, connection, form.cleaned_data["earlier"])
        tried = try_call(connection, actor=actor_of(request), approval=approval, again=again, **asked)
    except AlreadyMade:
        form.add_error(None, _("This was sent before, and what is sent twice from one form is made once only."))
        return render_page(request, TEMPLATE, context, part="console", status=409)
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


def _prepared(request: PageRequest, connection: Connection) -> HttpResponse:
    """Show the form. Of an earlier call it holds what the log has of it, which is masked."""
    earlier = _earlier(request, connection, request.GET.get("earlier", ""))
    left = left_of(earlier, connection) if earlier is not None else None
    initial = {"method": "GET", "path": example_path(shown_provider(connection))}
    context = head_of(connection, request, now=timezone.now()) | console_of(connection, request)
    if earlier is not None and left is not None:
        initial = filled(earlier, left)
        context |= {"earlier": earlier, "lacks": lacks_of(left), "words": words_of(left, is_same=False)}
    return render_page(request, TEMPLATE, context | {"call_form": TestCallForm(initial=initial)})


def filled(earlier: Call, left: Left) -> dict[str, Any]:
    """Return what the form shows of an earlier call. What has stars in it is sent only once they are replaced."""
    return {
        "method": left.method if left.method in METHODS else "GET",
        "path": left.path or "/",
        "headers": "\n".join(f"{name}: {value}" for name, value in left.headers),
        "body": draft_of(earlier, left),
        "earlier": earlier.pk,
    }


def _earlier(request: PageRequest, connection: Connection, text: Any) -> Call | None:
    """Return the call of this connection that an address or a form names, None where it names none."""
    try:
        pk = UUID(str(text))
    except ValueError:
        return None
    rows = Call.objects.manageable_by(request.user).filter(connection_id=connection.pk)
    found: Call | None = rows.filter(pk=pk).first()
    return found


def _again(request: PageRequest, connection: Connection, pk: UUID | None) -> Again | None:
    earlier = _earlier(request, connection, pk) if pk else None
    return Again(earlier) if earlier else None


def asks_again(connection: Connection, method: str) -> bool:
    """Tell whether a call is asked about twice: it may change something, and this is production."""
    return connection.environment.is_production and method in WRITES


def console_of(connection: Connection, request: PageRequest) -> dict[str, Any]:
    """Return what stands around the form: its approval, paths to begin with, and what was tried in this session."""
    return {
        "approval": uuid7(),
        "paths": paths_of(shown_provider(connection)),
        "tried_before": tried_before(request, connection),
    }


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
