"""A route on pages: made and changed. Where alerts go is where news of trouble goes, so both ask who it is."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from dashboard.pages.alerts.forms import RouteForm
from dashboard.pages.alerts.route import FRESH
from dashboard.render import PageRequest, actor_of, render_page
from integrations.alerts.routes import making
from integrations.alerts.routes.addresses import BadRoute
from integrations.alerts.routes.apprise.plugins import INSTALL, is_installed
from integrations.alerts.routes.apprise.table import SERVICES
from integrations.alerts.routes.channels import CHANNELS
from integrations.alerts.routes.sinks import COLUMNS, SINKS
from integrations.models import AlertRoute
from secrets_vault.models import Client
from secrets_vault.people.language import shown
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http import HttpResponse

Channel = AlertRoute.Channel


@sensitive_post_parameters("address")
@sensitive_variables("form")
@login_required
@step_up_required
def new(request: PageRequest) -> HttpResponse:
    """Choose a channel, then say where it leads."""
    if not (request.user.is_owner or Client.objects.manageable_by(request.user).exists()):
        raise Http404
    channel = request.GET.get("channel", "")
    if channel not in Channel or (channel == Channel.APPRISE and not is_installed()):
        return _channels(request)
    slug = request.GET.get("client", "")
    whose = Client.objects.manageable_by(request.user).filter(slug=slug).first()
    about = {"language": shown(), "time_zone": request.user.time_zone, "client": whose, "name": Channel(channel).label}
    form = RouteForm(request.POST or None, user=request.user, channel=channel, initial=about)
    if request.method == "POST" and form.is_valid():
        try:
            route = making.make(channel, form.new_address, actor=actor_of(request), now=timezone.now(), **form.about())
        except BadRoute as bad:
            form.add_error(bad.field if bad.field in form.fields else None, str(bad))
        else:
            return _made(request, route)
    return _page(request, form, channel, None)


def _channels(request: PageRequest) -> HttpResponse:
    channels = [(key, label) for key, label in Channel.choices if key != Channel.APPRISE]
    context = {"channels": channels, "apprise": Channel.APPRISE, "has_apprise": is_installed(), "install": INSTALL}
    return render_page(request, "dashboard/alerts/channels.html", context | {"count": len(SERVICES)})


def _made(request: PageRequest, route: AlertRoute) -> HttpResponseRedirect:
    if route.channel == Channel.SIGNED:
        request.session[FRESH] = str(route.pk)
    messages.success(request, _("{name} is added. Send a test now.").format(name=route))
    return HttpResponseRedirect(reverse("dashboard:alert_route", args=[route.pk]))


@sensitive_post_parameters("address")
@sensitive_variables("form")
@login_required
@step_up_required
def change(request: PageRequest, pk: UUID) -> HttpResponse:
    """Change where a route leads, what it tells of and when."""
    route: AlertRoute = get_object_or_404(AlertRoute.objects.manageable_by(request.user), pk=pk)
    before = copy(route)  # the form writes into its own
    form = RouteForm(request.POST or None, instance=route, user=request.user, channel=route.channel)
    if request.method == "POST" and form.is_valid():
        try:
            making.change(before, actor=actor_of(request), now=timezone.now(), address=form.new_address, **form.about())
        except BadRoute as bad:
            form.add_error(bad.field if bad.field in form.fields else None, str(bad))
        else:
            messages.success(request, _("{name} is saved.").format(name=before))
            return HttpResponseRedirect(reverse("dashboard:alert_route", args=[route.pk]))
    return _page(request, form, route.channel, before)


def _page(request: PageRequest, form: RouteForm, channel: str, route: AlertRoute | None) -> HttpResponse:
    known = CHANNELS.get(channel)
    context: dict[str, Any] = {
        "form": form,
        "route": route,
        "label": Channel(channel).label,
        "hint": known.hint if known and route else "",  # a new one has it at the field
        "columns": COLUMNS if channel in SINKS else (),
        "services": SERVICES if channel == Channel.APPRISE else (),
    }
    return render_page(request, "dashboard/alerts/edit.html", context, status=422 if form.is_bound else 200)
