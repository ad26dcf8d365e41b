"""What a manager does with one event: send it to one target or to all again, or say that it shall not be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dashboard.pages.webhooks.looking import manageable_event, to_event
from dashboard.pages.webhooks.replaying import OF_EVENTS
from dashboard.render import PageRequest, actor_of
from integrations.models import WebhookDelivery
from integrations.webhooks import dead
from integrations.webhooks.forward import NotSendable

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from integrations.models import WebhookEvent


@login_required
@require_POST
def resend(request: PageRequest, pk: UUID) -> HttpResponse:
    """Send an event again: to the target of the delivery named, else to all that had it or were given up."""
    event = manageable_event(request, pk)
    rows, count, why = _deliveries(event), 0, _("It goes to no target.")
    wanted = [_named(request, rows)] if "delivery" in request.POST else list(rows.filter(state__in=OF_EVENTS))
    for delivery in wanted:
        try:
            dead.resend(delivery, actor=actor_of(request), now=timezone.now())
            count += 1
        except NotSendable as refused:
            why = str(refused)
    if count:
        said = ngettext("It goes out again to {n} target.", "It goes out again to {n} targets.", count)
        messages.success(request, said.format(n=count))
    else:
        messages.error(request, why)
    return to_event(event)


@login_required
@require_POST
def discard(request: PageRequest, pk: UUID) -> HttpResponse:
    """Give one delivery up for good, with the reason."""
    event, reason = manageable_event(request, pk), request.POST.get("reason", "").strip()
    if "delivery" not in request.POST:
        messages.error(request, _("Choose at least one delivery."))
        return to_event(event)
    delivery = _named(request, _deliveries(event))
    if not reason:
        messages.error(request, _("Say why it shall not be sent."))
    elif dead.discard([delivery], actor=actor_of(request), reason=reason, now=timezone.now()):
        messages.success(request, _("Discarded. It is not sent to this target any more."))
    else:
        messages.error(request, _("It is being sent, or is over already."))
    return to_event(event)


def _deliveries(event: WebhookEvent) -> QuerySet[WebhookDelivery]:
    rows: QuerySet[WebhookDelivery] = WebhookDelivery.objects.filter(event=event).select_related("event", "endpoint")
    return rows


def _named(request: PageRequest, rows: QuerySet[WebhookDelivery]) -> WebhookDelivery:
    try:
        return get_object_or_404(rows, pk=request.POST.get("delivery", ""))
    except (ValidationError, ValueError):
        raise Http404 from None
