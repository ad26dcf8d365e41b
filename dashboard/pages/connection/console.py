"""The test call: a method, a path and a body, sent through our own gateway by who may manage the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.pages.connection.finding import manageable_connection
from dashboard.pages.connection.forms import TestCallForm
from dashboard.pages.connection.one import head_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.gateway.console import try_call
from integrations.gateway.problems import Problem

if TYPE_CHECKING:
    from django.http import HttpResponse

TEMPLATE = "dashboard/connection/call.html"


@login_required
@require_POST
def call(request: PageRequest, slug: str) -> HttpResponse:
    """Send one call and show what came back, masked."""
    connection = manageable_connection(request, slug)
    form = TestCallForm(request.POST)
    context = head_of(connection, request, now=timezone.now()) | {"call_form": form}
    if not form.is_valid():
        return render_page(request, TEMPLATE, context, part="console", status=422)
    try:
        context["tried"] = try_call(connection, actor=actor_of(request), **form.cleaned_data)
    except Problem as problem:
        form.add_error(None, str(problem))
        return render_page(request, TEMPLATE, context, part="console", status=409)
    return render_page(request, TEMPLATE, context, part="console")
