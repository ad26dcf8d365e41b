"""Warns by mail of grants that end and that nothing here renews: two weeks ahead, and once more three days ahead."""

from __future__ import annotations

from datetime import datetime, timedelta

from integrations import alerts
from integrations.models import Connection
from integrations.oauth.deaths import is_dying
from secrets_vault.models import User
from secrets_vault.people.language import writing_to

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
    key = f"grant_ends:{row.pk}:{ends_at:%Y-%m-%d}:{step.days}"
    return sum(_tell(row, user, key=key, now=now) for user in alerts.recipients(row.client))


def _tell(row: Connection, user: User, *, key: str, now: datetime) -> int:
    context: dict[str, object] = {
        "connection": row,
        "client": row.client,
        "environment": row.environment,
        "ends_at": row.refresh_expires_at,
        "url": alerts.page_url(f"/connections/{row.slug}/"),
    }
    with writing_to(user):
        subject, body = alerts.compose("grant_ends", context)
    said = alerts.say(
        user,
        "grant_ends",
        dedupe_key=f"{key}:{user.pk}",
        subject=subject,
        body=body,
        client=row.client,
        now=now,
        is_play=row.is_sandbox or row.is_demo,
    )
    return int(said is not None)
