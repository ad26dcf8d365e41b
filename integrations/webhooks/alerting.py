"""Tells people of trouble with webhooks: once when it begins, once when it is over.

The row itself remembers that it was told (`silence_told_at` and its like), by a conditional update in the transaction
of the messages, so two workers tell once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model

from integrations import alerts
from integrations.models import WebhookEndpoint


def began(row: Model, column: str, kind: str, *, endpoint: WebhookEndpoint, now: datetime, **about: Any) -> bool:
    """Tell of a trouble unless it was told of; say whether it was now."""
    with transaction.atomic():
        if not _mark(row, column, now, **{f"{column}__isnull": True}):
            return False
        _tell(endpoint, kind, key=f"{row.pk}:{now.isoformat()}", now=now, **about)
    return True


def ended(row: Model, column: str, kind: str, *, endpoint: WebhookEndpoint, now: datetime, **about: Any) -> bool:
    """Tell that a trouble which was told of is over; say whether it was now."""
    since = getattr(row, column)
    with transaction.atomic():
        if since is None or not _mark(row, column, None, **{column: since}):
            return False
        _tell(endpoint, kind, key=f"{row.pk}:{since.isoformat()}", now=now, since=since, **about)
    return True


def _mark(row: Model, column: str, value: datetime | None, **expected: Any) -> bool:
    if type(row)._default_manager.filter(pk=row.pk, **expected).update(**{column: value}) != 1:
        return False
    setattr(row, column, value)
    return True


def _tell(endpoint: WebhookEndpoint, kind: str, *, key: str, now: datetime, **about: Any) -> None:
    """Tell everyone whom the client concerns, from `emails/<kind>.txt`: its first line is the subject."""
    client = endpoint.client
    context = {"endpoint": endpoint, "client": client, "environment": endpoint.environment, **about}
    context["url"] = alerts.page_url(f"/webhooks/{endpoint.slug}/")
    alerts.announce(client, kind, context, key=key, now=now, is_play=endpoint.is_demo)
