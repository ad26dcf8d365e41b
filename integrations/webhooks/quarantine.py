"""Refused requests, kept sealed for a while: a wrong secret on our side must lose no event.

Kept are at most so many, so much and so long for each endpoint. Where there is no room, the oldest of the address
that sent most goes first: a stranger's noise pushes out itself before it pushes out the vendor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Sum

from integrations.models import WebhookEndpoint, WebhookEvent
from integrations.webhooks import storing
from secrets_vault.ids import uuid7

if TYPE_CHECKING:
    from integrations.webhooks.checking import NotLetIn
    from integrations.webhooks.request import WebhookRequest
    from integrations.webhooks.verdicts import Refused

QUARANTINED = WebhookEvent.Verdict.QUARANTINED
MOST = 1_000
MOST_BYTES = 100 * 1024 * 1024
KEPT = timedelta(days=14)
LONGEST_WHY = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request on its way into quarantine."""

    endpoint: WebhookEndpoint
    request: WebhookRequest = field(repr=False)
    reason: str
    why: str
    at: datetime
    remote_ip: str = ""
    id: UUID = field(default_factory=uuid7)


def keep(
    endpoint: WebhookEndpoint,
    request: WebhookRequest,
    refused: Refused | NotLetIn,
    *,
    now: datetime,
    remote_ip: str = "",
) -> UUID:
    """Keep a refused request, sealed, with the reason in a sentence; return its id. Raises DatabaseError."""
    return write([Refusal(endpoint, request, refused.reason, refused.why, now, remote_ip)])[0]


def write(refusals: Sequence[Refusal]) -> list[UUID]:
    """Keep several in one transaction, and make room for them."""
    with transaction.atomic():
        for refusal in refusals:
            row_of(refusal).save(force_insert=True)
        for endpoint in {refusal.endpoint.pk: refusal.endpoint for refusal in refusals}.values():
            _make_room(endpoint)
    return [refusal.id for refusal in refusals]


def row_of(refusal: Refusal) -> WebhookEvent:
    """Return the sealed row of a refused request, not saved yet. It has no key: a refused request takes none."""
    return WebhookEvent(
        **storing.sealed(refusal.id, refusal.endpoint, refusal.request),
        received_at=refusal.at,
        remote_ip=refusal.remote_ip,
        verdict=QUARANTINED,
        reason=refusal.reason,
        why=refusal.why[:LONGEST_WHY],
    )


def in_quarantine(endpoint: WebhookEndpoint) -> storing.Events:
    """Return what an endpoint keeps in quarantine, the newest first."""
    return WebhookEvent.objects.filter(endpoint=endpoint, verdict=QUARANTINED).order_by("-received_at", "-id")


def forget_old(*, now: datetime) -> int:
    """Delete what has been kept long enough; return how many."""
    old = WebhookEvent.objects.filter(verdict=QUARANTINED, received_at__lt=now - KEPT)
    return old.delete()[0]


def _make_room(endpoint: WebhookEndpoint) -> None:
    kept = in_quarantine(endpoint)
    held = kept.order_by().aggregate(count=Count("pk"), size=Sum("body_bytes"))
    while held["count"] > MOST or (held["size"] or 0) > MOST_BYTES:
        loudest = kept.order_by().values("remote_ip").annotate(size=Sum("body_bytes"), n=Count("pk"))
        by = "-n" if held["count"] > MOST else "-size"
        address = loudest.order_by(by, "remote_ip").values_list("remote_ip", flat=True).first()
        oldest = kept.filter(remote_ip=address).order_by("received_at", "id").first()
        if oldest is None:
            return
        WebhookEvent.objects.filter(pk=oldest.pk).delete()
        held = {"count": held["count"] - 1, "size": (held["size"] or 0) - oldest.body_bytes}
