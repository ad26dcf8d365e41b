"""What has become of a one-time link. Nothing of it is stored twice: the state follows from its times and counts."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from integrations.models import Handover

STATES = ("made", "opened", "read", "burnt", "expired", "revoked")
OPEN = ("made", "opened")
_NOT_ENDED = Q(revoked_at=None, burnt_at=None)
_VIEWS_LEFT = Q(views_used__lt=F("views_allowed"))


def state_of(handover: Handover, *, now: datetime) -> str:
    """Return made, opened, read (no view is left), burnt, expired or revoked."""
    if handover.revoked_at is not None:
        return "revoked"
    if handover.burnt_at is not None:
        return "burnt"
    if handover.views_used >= handover.views_allowed:
        return "read"
    if handover.expires_at <= now:
        return "expired"
    return "opened" if handover.opened_at is not None else "made"


def is_open(now: datetime) -> Q:
    """Return the condition that a link can still be read."""
    return _NOT_ENDED & _VIEWS_LEFT & Q(expires_at__gt=now)


def in_state(state: str, *, now: datetime) -> Q:
    """Return the condition that a link is in one of STATES."""
    return {
        "revoked": Q(revoked_at__isnull=False),
        "burnt": Q(revoked_at=None, burnt_at__isnull=False),
        "read": _NOT_ENDED & ~_VIEWS_LEFT,
        "expired": _NOT_ENDED & _VIEWS_LEFT & Q(expires_at__lte=now),
        "opened": is_open(now) & Q(opened_at__isnull=False),
        "made": is_open(now) & Q(opened_at=None),
    }[state]
