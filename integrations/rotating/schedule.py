"""What the sweep does: lets drivers go on, and begins where a secret is due that somebody has switched on."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from integrations import outbound
from integrations.models import AutomaticRotation, SecretRotation
from integrations.oauth.session import Send
from integrations.rotating import automatic
from integrations.rotating.errors import NotRotated
from integrations.rotation_days import by_provider
from secrets_vault import audit, rotation
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import StoredSecret

MOST = 20
NOT_AGAIN_FOR = timedelta(days=1)


def go_on(*, now: datetime, send: Send = outbound.send) -> int:
    """Advance every rotation that is due; return how many. For the sweep."""
    _begin_due(now)
    rows = SecretRotation.objects.filter(ended_at=None, due_at__lte=now).exclude(driver="").order_by("due_at")
    found = list(rows.select_related("secret", "connection", "old_version", "new_version")[:MOST])
    for row in found:
        automatic.advance(row, now=now, send=send)
    return len(found)


def _begin_due(now: datetime) -> None:
    """Begin what is due and switched on; one that was begun within a day is not begun anew."""
    switched_on = AutomaticRotation.objects.filter(secret__deleted_at=None, secret__client__archived_at=None)
    lately = SecretRotation.objects.filter(started_at__gt=now - NOT_AGAIN_FOR).values("secret_id")
    rows = switched_on.exclude(secret_id__in=lately).select_related("secret__client", "secret__current")
    days = by_provider()
    for row in rows:
        due = rotation.due(row.secret, now.date(), provider_days=days)
        if due is None or due.days_left > 0 or due.snoozed_until is not None:
            continue
        try:
            automatic.begin(row.secret, actor=SYSTEM, now=now, reason="due")
        except NotRotated:
            continue


def switch_on(stored: StoredSecret, *, actor: Actor, now: datetime) -> None:
    """Let the driver rotate this secret whenever it is due. Raises NotRotated where there is none."""
    if not automatic.driver_of(stored):
        raise NotRotated(stored.label)
    with transaction.atomic():
        about = {"switched_on_at": now, "switched_on_by": actor.label[:160]}
        _row, is_new = AutomaticRotation.objects.get_or_create(secret=stored, defaults=about)
        if is_new:
            audit.record("rotation.automatic_on", actor=actor, client=stored.client_id, subject=stored)


def switch_off(stored: StoredSecret, *, actor: Actor) -> None:
    """Let a person decide again."""
    with transaction.atomic():
        if AutomaticRotation.objects.filter(secret=stored).delete()[0]:
            audit.record("rotation.automatic_off", actor=actor, client=stored.client_id, subject=stored)
