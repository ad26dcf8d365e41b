"""Sends an endpoint a test event as its vendor would: signed by the stored secret, through the front door.

It goes over HTTP to this installation's own port. Where that does not answer (a command line without a server, a
server bound to another address only), it goes straight into the inlet, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations import outbound
from integrations.models import WebhookEndpoint, WebhookEvent
from integrations.outbound import OutboundError
from integrations.webhooks import app, endpoints, storing
from integrations.webhooks.endpoints import NO_VERIFICATION, Known
from integrations.webhooks.making import address_of, record
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.samples import CannotSign, Variant, sign
from integrations.webhooks.samples.draft import Draft
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.ids import uuid7

WITHIN_S = 5.0
VARIANTS: tuple[Variant, ...] = ("good", "tampered", "stale")
Knock = Callable[[WebhookRequest], int]


@dataclass(frozen=True, slots=True)
class SentTest:
    """What came of a test event. `way` is http or inlet; `event` is what was stored of it, if anything was."""

    variant: Variant
    status: int
    way: str
    event: WebhookEvent | None

    @property
    def is_as_expected(self) -> bool:
        """Tell whether a good one was accepted and a bad one refused."""
        accepted = self.event is not None and self.event.verdict == WebhookEvent.Verdict.ACCEPTED
        return accepted == (self.variant == "good") and self.event is not None


def send_test(
    endpoint: WebhookEndpoint,
    *,
    variant: Variant = "good",
    actor: Actor,
    now: datetime | None = None,
    knock: Knock | None = None,
) -> SentTest:
    """Send one test event and return what came of it. Raises CannotSign where only the vendor can sign."""
    now = now or timezone.now()
    known = endpoints.known(endpoint)
    request = _request(known, variant, now=now)
    try:
        status, way = (knock or over_http)(request), "http"
    except OutboundError:
        status, way = through_inlet(request), "inlet"
    event = _marked(endpoint, request)
    with transaction.atomic():
        record(endpoint, "webhook.tested", actor=actor, variant=variant, status=status, way=way)
    return SentTest(variant, status, way, event)


def own_address() -> str:
    """Return where this installation's own port answers from this machine."""
    return f"http://127.0.0.1:{settings.KEYLODGE_PORT}"


def over_http(request: WebhookRequest) -> int:
    """Post to this installation's own port; return the status. Raises OutboundError where nothing of ours answers."""
    own = own_address()
    target = request.url.removeprefix(settings.KEYLODGE_PUBLIC_URL)
    headers = [(name.encode(), value) for name, value in request.headers]
    answer = outbound.send(
        request.method,
        own + target,
        headers=headers,
        body=request.body,
        deadline_s=WITHIN_S,
        private_hosts=[urlsplit(own).netloc],
    )
    if answer.header("content-security-policy") is None:  # each answer of ours carries one
        raise OutboundError("another program answers at our port")
    return answer.status


def through_inlet(request: WebhookRequest) -> int:
    """Hand the request to an inlet of its own in this process; return the status."""
    return asyncio.run(_through_inlet(request))


async def _through_inlet(request: WebhookRequest) -> int:
    said: list[int] = []
    turns = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return turns.pop(0) if turns else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    inlet = app.Inlet()
    await inlet.start()
    try:
        await inlet.handle(_scope(request), receive, send)
    finally:
        await inlet.close()
    return said[0] if said else 503


def _scope(request: WebhookRequest) -> dict[str, Any]:
    parts = urlsplit(request.url)
    return {
        "type": "http",
        "method": request.method,
        "path": parts.path,
        "query_string": parts.query.encode(),
        "headers": [(name.encode(), value) for name, value in request.headers],
        "client": ("127.0.0.1", 0),
    }


def _request(known: Known, variant: Variant, *, now: datetime) -> WebhookRequest:
    nonce = f"keylodge-test-{uuid7()}"
    url = address_of(known.endpoint)
    if known.endpoint.scheme_key == NO_VERIFICATION:
        if variant != "good":
            raise CannotSign(_("This endpoint verifies nothing, so it would accept a bad event like a good one."))
        return Draft(url, document={"id": nonce, "type": "keylodge.test"}).request()
    if known.scheme is None:
        raise CannotSign(_("The scheme of this endpoint is not known here."))
    return sign(known.scheme, known.current, url=url, now=now, nonce=nonce, variant=variant)


def _marked(endpoint: WebhookEndpoint, request: WebhookRequest) -> WebhookEvent | None:
    """Find the row by its body, which holds an id of its own, and mark it as a test."""
    digest = vault.keyed_hash(storing.BODY_DIGEST, request.body)
    rows = WebhookEvent.objects.filter(endpoint=endpoint, body_digest=digest)
    rows.update(is_test=True)
    return rows.order_by("-id").first()
