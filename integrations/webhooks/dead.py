"""Dead letters: deliveries that were given up, sent again or discarded by a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.models.webhook import OPEN_STATES
from integrations.webhooks import forwarding
from integrations.webhooks.forward import NotSendable, begun_again, check_payload, tell
from secrets_vault import audit
from secrets_vault.access import VisibleQuerySet
from secrets_vault.actor import Actor
from secrets_vault.models import User

State = WebhookDelivery.State
LONGEST_REASON = 200


def letters(user: User, *, endpoint: WebhookEndpoint | None = None) -> VisibleQuerySet:
    """Return what was given up and this person may see, the newest first."""
    rows: VisibleQuerySet = WebhookDelivery.objects.visible_to(user).filter(state=State.DEAD)
    if endpoint is not None:
        rows = rows.filter(endpoint=endpoint)
    return rows.select_related("event", "target", "endpoint").defer("event__head_sealed", "event__body_sealed")


def resend(delivery: WebhookDelivery, *, actor: Actor, now: datetime) -> None:
    """Let one that is over go again, at once and by the whole schedule. Raises NotSendable when it is under way."""
    check_payload(delivery)
    again = begun_again(delivery, now=now)
    with transaction.atomic():
        rows = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state__in=OPEN_STATES)
        if not again or not rows.update(state=State.WAITING, next_at=now, **again):
            raise NotSendable(_("It is on its way already."))
        tell(delivery, "webhook.sent_again", actor=actor)
        forwarding.ring()
    delivery.refresh_from_db()


def discard(deliveries: Iterable[WebhookDelivery], *, actor: Actor, reason: str, now: datetime) -> int:
    """Give up for good what is dead or waits, and say why in the book; return how many. What is being sent goes on."""
    ids = [delivery.pk for delivery in deliveries]
    reason = reason.strip()[:LONGEST_REASON]
    with transaction.atomic():
        rows = WebhookDelivery.objects.select_for_update(of=("self",)).filter(
            pk__in=ids, state__in=(State.DEAD, State.WAITING)
        )
        found = list(rows.select_related("endpoint"))
        for endpoint in {row.endpoint_id: row.endpoint for row in found}.values():
            mine = [row.pk for row in found if row.endpoint_id == endpoint.pk]
            details = {"deliveries": len(mine), "reason": reason, "ids": [str(pk) for pk in mine[:20]]}
            audit.record(
                "webhook.delivery_discarded", actor=actor, client=endpoint.client_id, subject=endpoint, details=details
            )
        fields = {"state": State.DISCARDED, "state_before": F("state"), "next_at": None, "replay": None}
        WebhookDelivery.objects.filter(pk__in=[row.pk for row in found]).update(**fields)
        forwarding.ring()  # in an ordered endpoint, the next one may go now
    return len(found)
