"""Letting a refused request in by hand. Nothing proves who sent it: a person answers for it, by name, in the book."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from integrations.models import WebhookEvent
from integrations.webhooks import storing
from integrations.webhooks.opening import body_of, head_of
from integrations.webhooks.request import WebhookRequest
from secrets_vault import audit

if TYPE_CHECKING:
    from datetime import datetime

    from secrets_vault.actor import Actor

QUARANTINED, RELEASED = WebhookEvent.Verdict.QUARANTINED, WebhookEvent.Verdict.RELEASED
LONGEST_REASON = 200


def release_by_hand(event: WebhookEvent, *, actor: Actor, reason: str, now: datetime) -> bool:
    """Release one event that was never verified, and write its deliveries; tell whether it was still in quarantine.

    It takes no id and no digest: the genuine one, should it still come, must not be dropped as its copy. Raises
    Forgotten, Unreadable or DatabaseError.
    """
    head, body = head_of(event), body_of(event)
    request = WebhookRequest(head.method, head.url, head.headers, body)
    said = {"event": str(event.pk), "refused": event.reason, "reason": reason.strip()[:LONGEST_REASON]}
    with transaction.atomic():
        mine = WebhookEvent.objects.filter(pk=event.pk, verdict=QUARANTINED)
        if not mine.update(verdict=RELEASED, released_at=now):
            return False
        storing.deliver([(event, request)], now=now)
        audit.record(
            "webhook.released_unverified", actor=actor, client=event.client_id, subject=event.endpoint, details=said
        )
    return True
