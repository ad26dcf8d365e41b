"""One endpoint: how it stands, what arrived in the last day, and its events as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from dashboard.pages.webhooks.event_filter import EventFilter, filtered
from dashboard.pages.webhooks.event_list import LIST_FIELDS, count_words, export, mark_of, with_deliveries
from dashboard.pages.webhooks.glance import glance_of
from dashboard.pages.webhooks.hours import day_of
from dashboard.pages.webhooks.looking import visible_endpoint
from dashboard.pages.webhooks.replaying import running_of
from dashboard.paging import page_of
from dashboard.render import PageRequest, render_page, wants_part
from integrations.models import WebhookEvent
from integrations.webhooks.samples import can_sign
from secrets_vault.access import can_manage

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase


TEMPLATE = "dashboard/webhooks/inspector.html"
BULK = [("plan", gettext_lazy("Send to the targets again"))]


@login_required
@require_safe
def webhook(request: PageRequest, slug: str) -> HttpResponseBase:
    """Show one endpoint and its events, newest first; a live list asks for the rows alone."""
    endpoint, now = visible_endpoint(request, slug), timezone.localtime()
    filters = EventFilter(request.GET)
    if request.GET.get("type") or not wants_part(request):  # a live list asks for the rows every two seconds
        filters.offer_types(endpoint)
    chosen = filters.chosen()
    rows = filtered(WebhookEvent.objects.visible_to(request.user).filter(endpoint=endpoint), chosen)
    if request.GET.get("format") == "csv":
        return export(request, endpoint, rows)
    page = page_of(rows.only(*LIST_FIELDS), request)
    events = with_deliveries(page.rows)
    mark = mark_of(events)
    if wants_part(request) and request.GET.get("newest") == mark:
        return HttpResponse(status=204)  # a live list in which nothing changed is left alone
    context = {
        "endpoint": endpoint,
        "tab": "events",
        "filters": filters,
        "page": page,
        "events": events,
        "newest": mark,
        "is_live": bool(chosen.get("live")) and page.is_first,
        "is_filtered": bool(set(chosen) - {"live"}),
        "problems": [str(error[0]) for error in filters.errors.values()],
        "count_words": count_words(rows, page),
        "can_manage": can_manage(request.user, endpoint.client),
        "bulk": BULK,
    }
    if not wants_part(request):
        glance = glance_of(endpoint, now=now)
        context |= {
            "glance": glance,
            "day": day_of(endpoint, now=now),
            "can_sign": glance.scheme is None or can_sign(glance.scheme),
            "running": running_of(endpoint),
        }
    return render_page(request, TEMPLATE, context, part="rows")
