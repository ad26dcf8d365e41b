"""What else was so when a call was made: the credential, the calls beside it, and what changed on its connection."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from integrations.gateway.again import first_of
from integrations.models import Call, HeldCall, Outage
from integrations.providers.registry import ProviderNotFound, get_provider
from secrets_vault.models import AuditEvent

if TYPE_CHECKING:
    from integrations.models import Connection
    from integrations.providers.parts import Sunset
    from secrets_vault.models import User

BESIDE = 5
CHANGED_WITHIN = timedelta(hours=1)
SUNSET_WITHIN = timedelta(days=30)
SKEW = timedelta(minutes=1)
MOST_CHANGES = 20
# What the book has of every read and list says nothing about why a call failed.
NO_CHANGE = (
    *("connection.test_call", "connection.called_again"),
    *("secret.used_first", "secret.revealed", "secret.copied", "export.made"),
)
BESIDE_FIELDS = ("id", "at", "method", "path", "status", "outcome", "code", "total_ms", "attempts", "group_id")


def moment_of(call: Call, connection: Connection | None, user: User) -> dict[str, Any]:
    """Return what a call's page shows of that second besides the call itself."""
    return {
        "beside": neighbours(call, user) if connection is not None else [],
        "changes": changes(call, connection, user) if connection is not None else [],
        "version": version_of(call, connection),
        "outage": outage_at(call),
        "sunsets": sunsets_near(call),
        "held": HeldCall.objects.visible_to(user).filter(pk=first_of(call), connection_id=call.connection_id).first(),
    }


def neighbours(call: Call, user: User) -> list[Call]:
    """Return the five calls of the connection before this one and the five after, newest first, itself among them."""
    rows = Call.objects.visible_to(user).filter(connection_id=call.connection_id).only(*BESIDE_FIELDS)
    later = list(rows.filter(pk__gt=call.pk).order_by("pk")[:BESIDE])
    earlier = list(rows.filter(pk__lt=call.pk).order_by("-pk")[:BESIDE])
    return [*reversed(later), call, *earlier] if later or earlier else []


def changes(call: Call, connection: Connection, user: User) -> list[AuditEvent]:
    """Return what the book has of the connection and its secret, an hour before the call to an hour after."""
    ids = [str(pk) for pk in (connection.pk, connection.secret_id) if pk]
    span = (call.at - CHANGED_WITHIN, call.at + CHANGED_WITHIN)
    events = AuditEvent.objects.visible_to(user).filter(object_id__in=ids, at__range=span)
    return list(events.exclude(action__in=NO_CHANGE).order_by("-seq")[:MOST_CHANGES])


def version_of(call: Call, connection: Connection | None) -> dict[str, Any] | None:
    """Return the version of the credential that was used, and how long before or after its end the call was."""
    if connection is None or connection.secret is None or call.secret_version is None:
        return None
    row = connection.secret.versions.filter(number=call.secret_version).first()
    if row is None:
        return None
    left_s = (row.expires_at - call.at).total_seconds() if row.expires_at else None
    return {"row": row, "left_s": left_s, "over_s": -left_s if left_s is not None and left_s < 0 else None}


def outage_at(call: Call) -> Outage | None:
    """Return the outage of the upstream during which the call was made."""
    if not call.host:
        return None
    mine = Q(connection=None) | Q(connection=call.connection_id)
    begun = Outage.objects.filter(mine, origin__endswith=f"://{call.host}", opened_at__lte=call.at + SKEW)
    lasting: Outage | None = begun.filter(Q(is_open=True) | Q(closed_at__gte=call.at - SKEW)).first()
    return lasting


def sunsets_near(call: Call) -> list[Sunset]:
    """Return what the provider had announced to take away within a month of the call."""
    try:
        provider = get_provider(call.provider_key)
    except ProviderNotFound:
        return []
    day = call.at.date()
    return [sunset for sunset in provider.sunsets if sunset.on and abs(sunset.on - day) <= SUNSET_WITHIN]
