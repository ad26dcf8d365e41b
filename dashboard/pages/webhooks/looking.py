"""Which endpoint or event a page is about, as far as this person may look at it or change it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from integrations.models import WebhookEndpoint, WebhookEvent

if TYPE_CHECKING:
    from dashboard.render import PageRequest

WITH_ITS_PARTS = ("client", "environment", "secret__current")


def visible_endpoint(request: PageRequest, slug: str) -> WebhookEndpoint:
    """Return an endpoint this person may look at; anything else is 404."""
    rows = WebhookEndpoint.objects.visible_to(request.user).select_related(*WITH_ITS_PARTS)
    found: WebhookEndpoint = get_object_or_404(rows, slug=slug)
    return found


def manageable_endpoint(request: PageRequest, slug: str) -> WebhookEndpoint:
    """Return an endpoint this person may change; anything else is 404."""
    rows = WebhookEndpoint.objects.manageable_by(request.user).select_related(*WITH_ITS_PARTS)
    found: WebhookEndpoint = get_object_or_404(rows, slug=slug)
    return found


def manageable_event(request: PageRequest, pk: UUID) -> WebhookEvent:
    """Return an event this person may do something with; anything else is 404."""
    rows = WebhookEvent.objects.manageable_by(request.user).select_related("endpoint__client", "endpoint__environment")
    found: WebhookEvent = get_object_or_404(rows, pk=pk)
    return found


def to_event(event: WebhookEvent) -> HttpResponseRedirect:
    """Return to an event's own page."""
    return HttpResponseRedirect(reverse("dashboard:webhook_event", args=[event.pk]))


def to_endpoint(endpoint: WebhookEndpoint) -> HttpResponseRedirect:
    """Return to an endpoint's own page."""
    return HttpResponseRedirect(reverse("dashboard:webhook", args=[endpoint.slug]))


def to_settings(endpoint: WebhookEndpoint) -> HttpResponseRedirect:
    """Return to an endpoint's settings."""
    return HttpResponseRedirect(reverse("dashboard:webhook_settings", args=[endpoint.slug]))
