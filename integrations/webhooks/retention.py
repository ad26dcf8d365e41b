"""How long payloads are kept: as the endpoint says, else its client, else the installation.

First the payload goes, then, much later, the row: as long as it stands, a copy that comes again is still a duplicate.
What waits for its delivery is kept, however old; what is in quarantine is never kept longer than a payload.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from integrations.models.webhook import OPEN_STATES
from integrations.webhooks import quarantine

IDS_KEPT = timedelta(days=90)
SLICE = 200
PAUSE_S = 0.05
QUARANTINED = WebhookEvent.Verdict.QUARANTINED

Events = QuerySet[WebhookEvent]


def days_of(endpoint: WebhookEndpoint) -> int:
    """Return for how many days an endpoint's payloads are kept."""
    for days in (endpoint.retention_days, endpoint.client.keep_webhooks_days):
        if days is not None:
            return int(days)
    return int(settings.KEYLODGE_KEEP_WEBHOOKS_DAYS)


def forget(now: datetime) -> int:
    """Forget what has been kept long enough, in slices, so that nobody waits for it; return how many rows changed."""
    return sum(_forget_of(endpoint, now=now) for endpoint in WebhookEndpoint.objects.select_related("client"))


def _forget_of(endpoint: WebhookEndpoint, *, now: datetime) -> int:
    kept = timedelta(days=days_of(endpoint))
    rows = WebhookEvent.objects.filter(endpoint=endpoint)
    refused = rows.filter(verdict=QUARANTINED, received_at__lt=now - min(kept, quarantine.KEPT))
    settled = rows.exclude(verdict=QUARANTINED).exclude(_is_on_its_way())
    old = settled.filter(forgotten_at=None, received_at__lt=now - kept)
    ancient = settled.filter(received_at__lt=now - max(kept, IDS_KEPT))
    return _in_slices(refused, _delete) + _in_slices(ancient, _delete) + _in_slices(old, lambda some: _empty(some, now))


def _is_on_its_way() -> Exists:
    return Exists(WebhookDelivery.objects.filter(event=OuterRef("pk"), state__in=OPEN_STATES))


def _in_slices(rows: Events, act: Callable[[Events], None]) -> int:
    done = 0
    while ids := list(rows.order_by("received_at").values_list("pk", flat=True)[:SLICE]):
        with transaction.atomic():
            act(WebhookEvent.objects.filter(pk__in=ids))
        done += len(ids)
        if len(ids) < SLICE:
            break
        time.sleep(PAUSE_S)
    return done


def _delete(some: Events) -> None:
    some.delete()


def _empty(some: Events, now: datetime) -> None:
    WebhookAttempt.objects.filter(delivery__event__in=some).update(response_head="")
    some.update(head_sealed=None, body_sealed=None, body_digest=None, forgotten_at=now)
