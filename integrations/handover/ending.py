"""How a one-time link ends before it is read: revoked by a person, expired, or burnt by wrong tries."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from integrations import alerts
from integrations.handover.making import record
from integrations.handover.state import is_open
from integrations.models import Handover
from secrets_vault import leftovers
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import User

AT_ONCE = 500


def revoke(handover: Handover, *, actor: Actor, now: datetime) -> bool:
    """End a link that can still be read; tell whether it was one. What it held is gone at once."""
    with transaction.atomic():
        ended = Handover.objects.filter(is_open(now), pk=handover.pk).update(revoked_at=now, sealed=None)
        if ended:
            record(handover, "handover.revoked", actor=actor)
            transaction.on_commit(leftovers.wipe, robust=True)
    handover.refresh_from_db()
    return bool(ended)


def expire_due(*, now: datetime) -> int:
    """Empty the links whose time is over; return how many. For the sweep."""
    over = Handover.objects.filter(
        expires_at__lte=now, sealed__isnull=False, expired_at=None, revoked_at=None, burnt_at=None
    )
    return sum(_expire(handover, now=now) for handover in over.defer("sealed")[:AT_ONCE])


def _expire(handover: Handover, *, now: datetime) -> int:
    with transaction.atomic():
        if not Handover.objects.filter(pk=handover.pk, expired_at=None).update(expired_at=now, sealed=None):
            return 0
        record(handover, "handover.expired", actor=SYSTEM, views=handover.views_used)
        transaction.on_commit(leftovers.wipe, robust=True)
    return 1


def burn(handover: Handover, *, actor: Actor, now: datetime) -> None:
    """End a link for good after too many wrong tries, and tell who made it."""
    with transaction.atomic():
        if Handover.objects.filter(pk=handover.pk, burnt_at=None).update(burnt_at=now, sealed=None):
            record(handover, "handover.burnt", actor=actor)
            tell(handover, "handover_burnt", key=str(handover.pk), now=now)
            transaction.on_commit(leftovers.wipe, robust=True)


def tell(handover: Handover, kind: str, *, key: str, now: datetime) -> None:
    """Tell who made the link; whoever hears about the client when that person is gone."""
    context: dict[str, object] = {
        "handover": handover,
        "client": handover.client,
        "url": alerts.page_url("/vault/handovers/"),
    }
    is_play = handover.client is not None and (handover.client.is_demo or handover.client.is_sandbox)
    for user in _listeners(handover):
        alerts.tell(user, kind, context, key=key, client=handover.client, now=now, is_play=is_play)


def _listeners(handover: Handover) -> list[User]:
    if handover.created_by is not None and handover.created_by.is_active:
        return [handover.created_by]
    if handover.client is not None:
        return alerts.recipients(handover.client)
    return list(User.objects.filter(is_owner=True, is_active=True))
