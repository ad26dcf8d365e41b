"""One route: where it leads, what went by it and how, a test, a pause, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dashboard.pages.alerts.showing import secret_once
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.alerts.kinds import kind_of
from integrations.alerts.routes import making, sinks
from integrations.alerts.routes.answers import sentence
from integrations.models import AlertDelivery, AlertRoute
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http import HttpResponse

FRESH = "fresh_alert_secret"
"""The route whose signing secret is shown once."""
TONES = {"sent": "ok", "failed": "bad", "waiting": "info", "held": "", "summed": "ok"}


@login_required
@require_GET
def one(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show a route and what went by it."""
    route = _manageable(request, pk)
    rows = AlertDelivery.objects.filter(route=route).select_related("client").defer("body", "facts")
    page = page_of(rows, request)
    lines = [(each, TONES[each.state], _said(route, each), kind_of(each.kind).words) for each in page.rows]
    context = {
        "route": route,
        "page": page,
        "lines": lines,
        "kinds": [kind_of(key).words for key in route.kinds],
        "is_sink": sinks.is_sink(route),
        "why": sentence(route.channel, status=_status(route.last_error), code=_code(route.last_error)),
        "fresh": secret_once(request, route, key=FRESH),
    }
    return render_page(request, "dashboard/alerts/route.html", context, part="rows")


def _said(route: AlertRoute, delivery: AlertDelivery) -> str:
    return sentence(route.channel, status=delivery.status, code=delivery.error)


def _status(last_error: str) -> int | None:
    return int(last_error) if last_error.isdigit() else None


def _code(last_error: str) -> str:
    return "" if last_error.isdigit() else last_error


@login_required
@require_POST
def test(request: PageRequest, pk: UUID) -> HttpResponse:
    """Send a test now and say what came of it."""
    route = _manageable(request, pk)
    has_arrived, said = making.try_out(route, actor=actor_of(request), now=timezone.now())
    if has_arrived:
        messages.success(request, _("{name} took the test. {said}").format(name=route, said=said))
    else:
        messages.error(request, _("The test did not arrive. {said}").format(said=said))
    return _back(route)


@login_required
@require_POST
def pause(request: PageRequest, pk: UUID) -> HttpResponse:
    """Send nothing by a route for now, or let it go on."""
    route, actor = _manageable(request, pk), actor_of(request)
    if request.POST.get("do") == "resume":
        making.resume(route, actor=actor, now=timezone.now())
        messages.success(request, _("{name} goes on.").format(name=route))
    else:
        making.pause(route, actor=actor)
        messages.success(request, _("{name} is paused. Nothing is kept for it meanwhile.").format(name=route))
    return _back(route)


@login_required
@require_POST
@step_up_required
def new_secret(request: PageRequest, pk: UUID) -> HttpResponse:
    """Give a signed webhook another secret, which its page shows once."""
    route = _manageable(request, pk)
    if route.channel == AlertRoute.Channel.SIGNED:
        making.new_secret(route, actor=actor_of(request))
        request.session[FRESH] = str(route.pk)
    return _back(route)


@login_required
@require_POST
@step_up_required
def remove(request: PageRequest, pk: UUID) -> HttpResponse:
    """Take a route away."""
    route = _manageable(request, pk)
    if request.POST.get("sure") != "1":  # the page asks before it posts
        return _back(route)
    making.remove(route, actor=actor_of(request))
    messages.success(request, _("{name} is removed.").format(name=route))
    return HttpResponseRedirect(reverse("dashboard:settings_alerts"))


def _manageable(request: PageRequest, pk: UUID) -> AlertRoute:
    rows = AlertRoute.objects.manageable_by(request.user).select_related("client", "connection")
    route: AlertRoute = get_object_or_404(rows, pk=pk)
    return route


def _back(route: AlertRoute) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("dashboard:alert_route", args=[route.pk]))
