"""Warns by mail of grants that end and that nothing here renews: two weeks ahead, and once more three days ahead."""

from __future__ import annotations

from datetime import datetime, timedelta

from integrations import alerts
from integrations.models import Connection
from integrations.oauth.deaths import is_dying

AHEAD = (timedelta(days=14), timedelta(days=3))


def warn(*, now: datetime) -> int:
    """Write what is due to everyone who manages the client, once for each end and distance; return how many are new."""
    dying = Connection.objects.filter(is_dying(now, within=AHEAD[0]), refresh_expires_at__gt=now)
    rows = dying.filter(client__archived_at=None).select_related("client", "environment")
    return sum(_warn(row, now=now) for row in rows)


def _warn(row: Connection, *, now: datetime) -> int:
    ends_at = row.refresh_expires_at
    if ends_at is None:
        return 0
    # What lives a week in all is not told of two weeks ahead, on the day it is given.
    half = (ends_at - (row.connected_at or row.created_at)) / 2
    step = min((ahead for ahead in AHEAD if ends_at - now <= ahead <= half), default=None)
    if step is None:
        return 0
    context: dict[str, object] = {
        "connection": row,
        "client": row.client,
        "environment": row.environment,
        "ends_at": ends_at,
        "url": alerts.page_url(f"/connections/{row.slug}/"),
    }
    key, is_play = f"{row.pk}:{ends_at:%Y-%m-%d}:{step.days}", row.is_sandbox or row.is_demo
    return alerts.announce(row.client, "grant_ends", context, key=key, now=now, is_play=is_play)
