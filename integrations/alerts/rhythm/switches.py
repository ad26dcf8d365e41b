"""Whether a connection or a token is watched, and from what on a silence or a burst counts. Changes are in the book."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from integrations.models import CallWatch, Connection, GatewayToken
from secrets_vault import audit
from secrets_vault.actor import Actor


def watch_connection(connection: Connection, *, is_on: bool, limit_h: int | None, actor: Actor, now: datetime) -> None:
    """Watch the calls through a connection or do not; `limit_h` hours of silence count, or what is unusual."""
    with transaction.atomic():
        about = {"is_on": is_on, "limit": limit_h, "look_at": now}
        CallWatch.objects.update_or_create(connection=connection, defaults=about)
        _record("connection.watch_changed", connection, connection.slug, is_on=is_on, limit=limit_h, actor=actor)


def watch_token(token: GatewayToken, *, is_on: bool, limit: int | None, actor: Actor) -> None:
    """Watch the calls with a token or do not; so many calls an hour count, or what is unusual."""
    with transaction.atomic():
        CallWatch.objects.update_or_create(token=token, defaults={"is_on": is_on, "limit": limit})
        _record("token.watch_changed", token, token.name, is_on=is_on, limit=limit, actor=actor)


def _record(
    action: str, row: Connection | GatewayToken, label: str, *, is_on: bool, limit: int | None, actor: Actor
) -> None:
    details = {"is_on": is_on} | ({"limit": limit} if limit else {})
    audit.record(action, actor=actor, client=row.client, subject=row, label=label, details=details)
