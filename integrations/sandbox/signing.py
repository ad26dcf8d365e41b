"""Events and signatures as their vendors write them, from the vendors' pages (read 2026-11-21)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrations.sandbox.world import World


@dataclass(frozen=True)
class Signed:
    """The bytes to send, and the headers that sign them."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Signer = Callable[[str, str, object, float], Signed]


def webhook_secret(world: World, scheme: str) -> str:
    """Return the signing secret of a scheme; HubSpot signs with the app's client secret."""
    if scheme == "hubspot_v3":
        return world.client_secret
    return "whsec_" + base64.b64encode(world.derive(f"webhook:{scheme}", 24).encode()).decode()


def stripe(secret: str, url: str, event: object, now: float) -> Signed:
    """Sign as docs.stripe.com/webhooks says."""
    body = _json(event)
    signed = hmac.new(secret.encode(), f"{int(now)}.".encode() + body, hashlib.sha256).hexdigest()
    return Signed(body, {"Stripe-Signature": f"t={int(now)},v1={signed}"})


def hubspot_v3(secret: str, url: str, event: object, now: float) -> Signed:
    """Sign as HubSpot's page on validating requests says: method, address, body and time."""
    body, at_ms = _json(event), str(int(now * 1000))
    text = b"POST" + url.encode() + body + at_ms.encode()
    signed = base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()
    return Signed(body, {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": at_ms})


def standard(secret: str, url: str, event: object, now: float) -> Signed:
    """Sign as standardwebhooks.com says."""
    body, event_id = _json(event), f"msg_{uuid.uuid4().hex}"
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    signed = base64.b64encode(hmac.digest(raw, f"{event_id}.{int(now)}.".encode() + body, "sha256")).decode()
    named = {"webhook-id": event_id, "webhook-timestamp": str(int(now)), "webhook-signature": f"v1,{signed}"}
    return Signed(body, named)


def github(secret: str, url: str, event: object, now: float) -> Signed:
    """Sign as GitHub does: the body only, no time; its id stands unsigned beside it."""
    body = _json(event)
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    about = {"X-GitHub-Event": "push", "X-GitHub-Delivery": str(uuid.uuid4())}
    return Signed(body, {"X-Hub-Signature-256": f"sha256={signed}", **about})


def shopify(secret: str, url: str, event: object, now: float) -> Signed:
    """Sign as Shopify does: the body only, in base64."""
    body = _json(event)
    signed = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    about = {"X-Shopify-Topic": "orders/create", "X-Shopify-Webhook-Id": str(uuid.uuid4())}
    return Signed(body, {"X-Shopify-Hmac-SHA256": signed, **about})


def slack(secret: str, url: str, event: object, now: float) -> Signed:
    """Sign as api.slack.com/authentication/verifying-requests-from-slack says."""
    body, at = _json(event), str(int(now))
    signed = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    return Signed(body, {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={signed}"})


def _json(event: object) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def _stripe_event(kind: str) -> dict[str, Any]:
    charge = {"id": f"ch_{uuid.uuid4().hex[:24]}", "object": "charge", "amount": 4900, "currency": "eur"}
    about = {"id": f"evt_{uuid.uuid4().hex[:24]}", "object": "event", "type": kind or "charge.succeeded"}
    return {**about, "created": int(time.time()), "livemode": False, "data": {"object": charge}}


def _hubspot_events(kind: str) -> list[dict[str, Any]]:
    about = {"eventId": secrets.randbelow(10**9), "subscriptionId": 12345, "portalId": 24680135, "appId": 1}
    change = {"subscriptionType": kind or "contact.propertyChange", "objectId": 123, "propertyName": "email"}
    return [{**about, **change, "propertyValue": "lead@example.com", "occurredAt": int(time.time() * 1000)}]


def _slack_event(kind: str) -> dict[str, Any]:
    event = {"type": kind or "message", "channel": "C1", "text": "Hello"}
    return {"type": "event_callback", "event_id": f"Ev{uuid.uuid4().hex[:10].upper()}", "event": event}


def _plain_event(kind: str) -> dict[str, Any]:
    return {"id": f"evt_{uuid.uuid4().hex}", "type": kind or "sandbox.event"}


SIGNERS: dict[str, Signer] = {
    "stripe": stripe,
    "hubspot_v3": hubspot_v3,
    "github": github,
    "shopify": shopify,
    "slack": slack,
    "standard_webhooks": standard,
    "standard": standard,
}
EVENTS: dict[str, Callable[[str], object]] = dict.fromkeys(SIGNERS, _plain_event) | {
    "stripe": _stripe_event,
    "hubspot_v3": _hubspot_events,
    "slack": _slack_event,
}
