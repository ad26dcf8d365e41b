"""One event: the verdict and why, what was signed, the request masked, and each delivery with its tries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from dashboard.pages.webhooks.delivering import Shown, deliveries_of
from dashboard.pages.webhooks.event_words import checks_of, remedy_of, signed_parts, title_of, was_verified, why_of
from dashboard.pages.webhooks.payload import Payload, curl_of, payload_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import WebhookEvent
from integrations.webhooks.endpoints import scheme_of
from integrations.webhooks.inspecting import inspect
from secrets_vault import audit
from secrets_vault.access import can_manage

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import WebhookEndpoint

TEMPLATE = "dashboard/webhooks/event.html"


@login_required
@require_safe
def event(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show one event; with `?format=json` the masked request is a file."""
    rows = WebhookEvent.objects.visible_to(request.user)
    loaded = rows.select_related("endpoint__client", "endpoint__environment", "endpoint__secret__current")
    found: WebhookEvent = get_object_or_404(loaded.defer(None), pk=pk)
    payload, deliveries = payload_of(found, user=request.user), deliveries_of(found)
    if request.GET.get("format") == "json":
        return _download(request, found, payload, deliveries)
    return render_page(request, TEMPLATE, _context(request, found, payload, deliveries))


def _context(request: PageRequest, found: WebhookEvent, payload: Payload, deliveries: list[Shown]) -> dict[str, Any]:
    endpoint = found.endpoint
    scheme = scheme_of(endpoint)
    return {
        "event": found,
        "endpoint": endpoint,
        "scheme": scheme,
        "title": title_of(found),
        "why": why_of(found, endpoint, scheme),
        "was_proven": was_verified(found),
        "remedy": remedy_of(found),
        "checks": checks_of(found, endpoint, scheme),
        "proofs": [(proof, signed_parts(proof, scheme)) for proof in scheme.proofs] if scheme else [],
        "inspected": inspect(found),
        "payload": payload,
        "curl": curl_of(endpoint, payload.read) if payload.read else "",
        "deliveries": deliveries,
        "can_manage": can_manage(request.user, endpoint.client),
    } | _neighbours(request, endpoint, found)


def _neighbours(request: PageRequest, endpoint: WebhookEndpoint, found: WebhookEvent) -> dict[str, Any]:
    """Return the ids of the events before and after this one at its endpoint."""
    ids = WebhookEvent.objects.visible_to(request.user).filter(endpoint=endpoint).values_list("pk", flat=True)
    return {
        "older": ids.filter(pk__lt=found.pk).order_by("-pk").first(),
        "newer": ids.filter(pk__gt=found.pk).order_by("pk").first(),
    }


def _download(request: PageRequest, found: WebhookEvent, payload: Payload, deliveries: list[Shown]) -> HttpResponse:
    """Return the event as JSON, masked, and say so in the book."""
    with transaction.atomic():
        audit.record(
            "export.made", actor=actor_of(request), client=found.endpoint.client, label="Webhook event as JSON"
        )
    response = JsonResponse(_as_json(found, payload, deliveries), json_dumps_params={"indent": 2})
    response.headers["Content-Disposition"] = f'attachment; filename="webhook-{found.pk}.json"'
    response.headers["Cache-Control"] = "no-store, private"
    return response


def _as_json(found: WebhookEvent, payload: Payload, deliveries: list[Shown]) -> dict[str, Any]:
    read = payload.read
    return {
        "id": str(found.pk),
        "endpoint": found.endpoint.slug,
        "received_at": found.received_at.isoformat(),
        "verdict": found.verdict,
        "reason": found.reason,
        "why": found.why,
        "type": found.event_type,
        "vendor_id": found.event_key,
        "remote_ip": found.remote_ip,
        "duplicates": found.duplicates,
        "is_test": found.is_test,
        "is_masked": True,
        "request": {"method": read.method, "url": read.url, "head": read.head, "body": read.body} if read else None,
        "deliveries": [
            {
                "target": str(shown.delivery.target),
                "state": shown.delivery.state,
                "tries": [{"at": step.at.isoformat(), "said": step.title} for step in shown.steps],
            }
            for shown in deliveries
        ],
    }
