"""Real calls since the switch: how many went with the new one, how many failed, whether any still needs the old one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q

from integrations.models import Call, Connection, SecretRotation
from integrations.models.call import FAILED_OUTCOMES

LOOKED_AT = 2000


@dataclass(frozen=True)
class Watched:
    """The newest calls since the switch, at most two thousand of them."""

    calls: int = 0
    failed: int = 0
    refused: int = 0
    last_at: datetime | None = None
    on_old: int = 0
    last_on_old_at: datetime | None = None

    @property
    def is_cut(self) -> bool:
        """Tell whether there were more calls than were looked at."""
        return self.calls + self.on_old >= LOOKED_AT


def watch(rotation: SecretRotation) -> Watched:
    """Return what the call log shows, in two queries. Nothing before the switch."""
    new, old = rotation.new_version, rotation.old_version
    if rotation.switched_at is None or new is None or old is None:
        return Watched()
    ids = list(Connection.objects.filter(secret=rotation.secret_id).values_list("pk", flat=True))
    rows = Call.objects.filter(connection_id__in=ids, id__gte=first_id(rotation.switched_at))
    mine, before = Q(secret_version=new.number), Q(secret_version=old.number)
    bad = Q(outcome__in=FAILED_OUTCOMES)
    found: dict[str, Any] = rows.order_by("-id")[:LOOKED_AT].aggregate(
        calls=Count("id", filter=mine),
        failed=Count("id", filter=mine & bad),
        refused=Count("id", filter=mine & Q(outcome="auth")),
        last_at=Max("at", filter=mine),
        on_old=Count("id", filter=before),
        last_on_old_at=Max("at", filter=before),
    )
    return Watched(**found)


def first_id(at: datetime) -> UUID:
    """Return the lowest UUIDv7 of that moment: what was made later sorts behind it."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
