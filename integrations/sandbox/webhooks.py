"""Sends a signed webhook to an address on this machine, as Stripe, HubSpot or Standard Webhooks sign them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from integrations.sandbox.world import World

Signer = Callable[[World, str, str, bytes, float], dict[str, str]]


def send(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Sign and send one event; return what the receiver answered. Raises ValueError for a bad request."""
    url, scheme = str(asked.get("url", "")), str(asked.get("scheme", ""))
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("send_webhook.url must be http on this machine.")
    if scheme not in SIGNERS:
        raise ValueError(f"send_webhook.scheme must be one of {', '.join(SIGNERS)}.")
    body = json.dumps(asked.get("body", {"id": f"evt_{uuid.uuid4().hex}", "type": "sandbox.event"})).encode()
    secret = str(asked.get("secret") or webhook_secret(world, scheme))
    headers = {"Content-Type": "application/json"} | SIGNERS[scheme](world, secret, url, body, time.time())
    return {"status": _post(url, body, headers), "secret": secret}


def webhook_secret(world: World, scheme: str) -> str:
    """Return the signing secret of a scheme; HubSpot signs with the app's client secret."""
    if scheme == "hubspot_v3":
        return world.client_secret
    return "whsec_" + base64.b64encode(world.derive(f"webhook:{scheme}", 24).encode()).decode()


def _post(url: str, body: bytes, headers: dict[str, str]) -> int | None:
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  loopback http only, checked above
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return int(response.status)
    except HTTPError as refused:
        return refused.code
    except (URLError, OSError):
        return None


def _stripe(world: World, secret: str, url: str, body: bytes, now: float) -> dict[str, str]:
    signed = hmac.new(secret.encode(), f"{int(now)}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={int(now)},v1={signed}"}


def _hubspot_v3(world: World, secret: str, url: str, body: bytes, now: float) -> dict[str, str]:
    at_ms = str(int(now * 1000))
    text = b"POST" + url.encode() + body + at_ms.encode()
    signed = base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()
    return {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": at_ms}


def _standard(world: World, secret: str, url: str, body: bytes, now: float) -> dict[str, str]:
    event_id = f"msg_{uuid.uuid4().hex}"
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    signed = base64.b64encode(hmac.digest(raw, f"{event_id}.{int(now)}.".encode() + body, "sha256")).decode()
    return {"webhook-id": event_id, "webhook-timestamp": str(int(now)), "webhook-signature": f"v1,{signed}"}


SIGNERS: dict[str, Signer] = {"stripe": _stripe, "hubspot_v3": _hubspot_v3, "standard": _standard}
