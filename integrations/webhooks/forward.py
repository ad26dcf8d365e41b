"""One delivery at once, because a person asks for it."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.models import WebhookAttempt, WebhookDelivery
from integrations.models.webhook import OPEN_STATES
from integrations.outbound import allowed_private_hosts
from integrations.webhooks import claiming, recording
from integrations.webhooks.destinations import Destinations
from integrations.webhooks.outcome import Outcome
from integrations.webhooks.outgoing import NotPrepared, prepared
from integrations.webhooks.recording import Result
from integrations.webhooks.sender import Sender
from secrets_vault import audit
from secrets_vault.actor import Actor

State = WebhookDelivery.State


class NotSendable(IntegrationError):
    """A delivery cannot be sent now: it is just being sent, or its payload is gone. The message says which."""

    code = "not_sendable"


def send_now(delivery: WebhookDelivery, *, actor: Actor, now: datetime | None = None) -> WebhookAttempt:
    """Make one try at once, whatever state the delivery is in, and return it. Raises NotSendable.

    Pauses, the breaker and the order of its endpoint do not hold it back: somebody wants to see what comes of it.
    Where it fails and may fare better later, it is tried again like any other.
    """
    now = now or timezone.now()
    check_payload(delivery)
    with transaction.atomic():
        taken = claiming.take(delivery, now=now, **begun_again(delivery, now=now))
        if taken is None:
            raise NotSendable(_("It is just being sent."))
        tell(taken, "webhook.sent_again", actor=actor)
    written = recording.record([_result(taken, now=now)], now=timezone.now(), chance=random.random)
    if not written:
        raise NotSendable(_("Its target was taken away."))
    delivery.refresh_from_db()
    return written[0]


def check_payload(delivery: WebhookDelivery) -> None:
    """Raise NotSendable when the payload is gone."""
    if delivery.event.forgotten_at is not None:
        raise NotSendable(_("The payload was kept as long as it was to be kept, and is gone."))


def begun_again(delivery: WebhookDelivery, *, now: datetime) -> dict[str, Any]:
    """Return what makes the schedule begin anew for one that was over; nothing for one still under way."""
    if delivery.state in OPEN_STATES:
        return {}
    return {
        "again_at": now,
        "attempts_before": delivery.attempts,
        "state_before": delivery.state,
        "delivered_at": delivery.delivered_at,
        "replay": None,
    }


def tell(delivery: WebhookDelivery, action: str, *, actor: Actor, **details: Any) -> None:
    """Write in the book what a person did with a delivery."""
    about = {"event": str(delivery.event_id), "target": str(delivery.target_id)} | details
    endpoint = delivery.endpoint
    audit.record(action, actor=actor, client=endpoint.client_id, subject=delivery, label=str(endpoint), details=about)


def _result(taken: WebhookDelivery, *, now: datetime) -> Result:
    try:
        destination, request = prepared(taken, Destinations(), now=now)
    except NotPrepared as cannot:
        return Result(taken, Outcome(error=cannot.code), now)
    sender = Sender()
    try:
        outcome = sender.send(request, allowed=allowed_private_hosts()).result()
    finally:
        sender.close()
    return Result(taken, outcome, now, destination.masker)
