"""Webhook endpoints of the demo: one that works, one without its secret, one that verifies nothing."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from integrations.webhooks import quarantine, storing
from integrations.webhooks.endpoints import NO_VERIFICATION
from integrations.webhooks.making import add_target, create_endpoint
from integrations.webhooks.quarantine import Refusal
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.verdicts import Verified
from secrets_vault.ids import uuid7
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from secrets_vault.actor import Actor
    from secrets_vault.models import Client

EVENTS = 14
REFUSED = 2
DEAD_EVERY = 7
AGAIN = (3, 3, 9)  # the vendor sent these events once more
TYPES = ("invoice.paid", "customer.created", "charge.refunded", "invoice.payment_failed")


@dataclass(frozen=True)
class Story:
    """One endpoint. `of` counts the demo's clients from 0."""

    of: int
    scheme: str
    name: str
    has_secret: bool = True
    has_events: bool = False


STORIES = (
    Story(0, "stripe", "Payments", has_events=True),
    Story(1, "shopify", "Shop orders", has_secret=False),
    Story(2, NO_VERIFICATION, "Old form", has_secret=False),
)


def make_endpoints(clients: list[Client], dice: random.Random, *, actor: Actor, now: datetime) -> None:
    """Make the endpoints of the demo's clients, in the caller's transaction. Nothing of them is ever sent."""
    for story in STORIES:
        if story.of < len(clients):
            endpoint = _endpoint(story, clients[story.of], dice, actor=actor, now=now)
            if story.has_events:
                _events(endpoint, dice, now=now)


def _endpoint(story: Story, client: Client, dice: random.Random, *, actor: Actor, now: datetime) -> WebhookEndpoint:
    endpoint = create_endpoint(
        client,
        client.environments.get(is_production=True),
        slug=f"{client.slug}-{story.scheme}",
        scheme_key=story.scheme,
        name=f"DEMO {story.name}",
        secret=Secret(f"whsec_DEMO{dice.getrandbits(120):030x}") if story.has_secret else None,
        made_on=(now - timedelta(days=40)).date(),
        is_verified_required=story.scheme != NO_VERIFICATION,
        actor=actor,
        now=now,
    )
    add_target(endpoint, Secret("https://n8n.demo.invalid/webhook/orders"), name="DEMO n8n", actor=actor, now=now)
    if story.has_events:  # what is paused waits: so the demo has events that wait, and none is ever sent
        crm = Secret("https://crm.demo.invalid/webhook/orders")
        add_target(endpoint, crm, name="DEMO CRM", is_paused=True, actor=actor, now=now)
    return endpoint


def _events(endpoint: WebhookEndpoint, dice: random.Random, *, now: datetime) -> None:
    """Store what arrived in a day, the newest last; two requests were signed with another secret."""
    arrivals = [_arrival(endpoint, number, dice, now=now) for number in range(EVENTS)]
    storing.write(arrivals)
    storing.write([replace(arrivals[number], at=now, id=uuid7()) for number in AGAIN])
    why = "The signature does not fit: another secret, or not the bytes that were signed."
    refused = [
        Refusal(endpoint, first.request, "mismatch", why, first.at, first.remote_ip, id_at(first.at))
        for first in arrivals[:REFUSED]
    ]
    quarantine.write(refused)
    sent = WebhookDelivery.objects.filter(endpoint=endpoint, target__is_paused=False).order_by("id")
    for number, delivery in enumerate(sent, 1):
        _settle(delivery, is_dead=number % DEAD_EVERY == 0)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(last_event_at=arrivals[-1].at)


def _arrival(endpoint: WebhookEndpoint, number: int, dice: random.Random, *, now: datetime) -> storing.Arrival:
    at = now - timedelta(minutes=(EVENTS - number) * 90 - 85)
    event_id, kind = f"evt_demo_{number}", TYPES[number % len(TYPES)]
    body = json.dumps({"id": event_id, "type": kind, "data": {"amount": dice.randint(100, 90_000), "demo": True}})
    headers = (("content-type", b"application/json"), ("stripe-signature", b"t=0,v1=demo"), ("user-agent", b"Demo/1"))
    request = WebhookRequest("POST", f"https://demo.invalid/hooks/{endpoint.slug}", headers, body.encode())
    verified = Verified(event_id, True, at, dice.randbytes(32), kind, 0)
    return storing.Arrival(endpoint, request, verified, at, "203.0.113.7", id=id_at(at))


def id_at(at: datetime) -> UUID:
    """Return an id of that moment: lists are in the order of their ids."""
    return uuid7(int(at.timestamp() * 1000))


def _settle(delivery: WebhookDelivery, *, is_dead: bool) -> None:
    """Let a delivery have ended already, so that the worker finds nothing to do."""
    state = WebhookDelivery.State.DEAD if is_dead else WebhookDelivery.State.DELIVERED
    tried_at = delivery.created_at + timedelta(seconds=1)
    status = 410 if is_dead else 200
    WebhookAttempt.objects.create(delivery=delivery, number=1, at=tried_at, status=status, ms=84.0)
    delivery.state, delivery.attempts, delivery.next_at, delivery.last_status = state, 1, None, status
    delivery.delivered_at = None if is_dead else tried_at
    delivery.save(update_fields=["state", "attempts", "next_at", "last_status", "delivered_at"])
