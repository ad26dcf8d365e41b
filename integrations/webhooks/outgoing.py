"""What is sent to a target: the bytes that arrived, their headers without what was ours alone, and our signature."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DatabaseError

from integrations.errors import IntegrationError
from integrations.models import WebhookDelivery, WebhookEvent
from integrations.outbound.relaying import passed_on
from integrations.webhooks import opening
from integrations.webhooks.destinations import Destination, Destinations
from integrations.webhooks.opening import Forgotten
from integrations.webhooks.sealing import Head
from integrations.webhooks.signing import OURS, signed_headers
from secrets_vault.errors import NoValue, Unreadable, VaultError
from secrets_vault.secret import Secret

logger = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

_SET_BY_US = frozenset({b"accept-encoding"})
_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE", "GET"})
SEND_S = 20.0
SLOWEST_BYTES_PER_S = 256 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request, ready to go."""

    method: bytes
    url: Secret = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    partition: str = ""

    @property
    def deadline_s(self) -> float:
        """Return how long it may take: 20 s, and what a large body needs on a slow line."""
        return SEND_S + len(self.body) / SLOWEST_BYTES_PER_S


class NotPrepared(IntegrationError):
    """A delivery can never be sent as it is stored. `code` says what of it is gone or cannot be read."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def prepared(delivery: WebhookDelivery, destinations: Destinations, *, now: datetime) -> tuple[Destination, Outgoing]:
    """Return where a delivery goes and the request of its current attempt.

    Raises NotPrepared; DatabaseError, VaultError or WebhookEvent.DoesNotExist where that is no fault of what is stored.
    """
    code = "target_unreadable"
    try:
        destination = destinations.of(delivery.target)
        code = "payload_unreadable"
        return destination, _outgoing(delivery, destination, now=now)
    except Forgotten as gone:
        raise NotPrepared(gone.code) from None
    except (NoValue, Unreadable):
        raise NotPrepared(code) from None
    except (DatabaseError, VaultError, WebhookEvent.DoesNotExist):
        raise
    except Exception:  # whatever broke: this one is given up and the log says where; the rest still goes
        logger.exception("a webhook cannot be sent", extra={"delivery": str(delivery.pk)})
        raise NotPrepared(code) from None


def _outgoing(delivery: WebhookDelivery, destination: Destination, *, now: datetime) -> Outgoing:
    event = WebhookEvent.objects.defer(None).get(pk=delivery.event_id)
    head, body = opening.head_of(event), opening.body_of(event)
    ours = signed_headers(body, destination.secrets, event_id=event.pk, attempt=delivery.attempts, now=now)
    return Outgoing(
        method=(head.method if head.method in _METHODS else "POST").encode("ascii"),
        url=destination.url,
        headers=[*forwarded_headers(head), *ours, (b"accept-encoding", b"identity")],
        body=body,
        partition=str(delivery.target_id),
    )


def forwarded_headers(head: Head) -> Headers:
    """Return the sender's headers that go on. Its own `webhook-id` and the like get `x-original-` in front."""
    sent = [(name.lower().encode("latin-1"), value) for name, value in head.headers]
    return [
        (b"x-original-" + dashed if dashed in OURS else name, value)
        for dashed, (name, value) in passed_on(sent, besides=_SET_BY_US)
    ]
