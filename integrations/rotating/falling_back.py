"""While a rotation is watched both values live: a call that the new one is refused for may go with the old one.

Bounded: for a day after the switch, five hundred calls, and never once somebody has said that the old one is revoked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from integrations import alerts
from integrations.models import SecretRotation
from integrations.rotating.guided import tell
from secrets_vault.actor import SYSTEM
from secrets_vault.models import SecretVersion

FOR = timedelta(days=1)
MOST_CALLS = 500


def old_version(secret_id: UUID, *, refused: UUID, now: datetime) -> SecretVersion | None:
    """Return the old version to repeat a call with, and count it; None where none may be used.

    `refused` is the version that the provider has just refused: only the new one of a watched rotation counts.
    """
    rows = SecretRotation.objects.filter(
        secret_id=secret_id,
        step=SecretRotation.Step.WATCH,
        ended_at=None,
        revoked_at=None,
        new_version_id=refused,
        switched_at__gt=now - FOR,
        old_version__state=SecretVersion.State.GRACE,
        secret__current_id=refused,
    )
    found = rows.select_related("old_version", "secret__client", "connection").first()
    if found is None or not _counted(found, now=now):
        return None
    version: SecretVersion = found.old_version
    return version


def _counted(rotation: SecretRotation, *, now: datetime) -> bool:
    """Count the call, unless five hundred were; the first one is told to everybody who manages the client."""
    mine = SecretRotation.objects.filter(pk=rotation.pk, revoked_at=None, ended_at=None, fall_backs__lt=MOST_CALLS)
    with transaction.atomic():
        if not mine.update(fall_backs=F("fall_backs") + 1, fell_back_at=Coalesce(F("fell_back_at"), now)):
            return False
        if rotation.fell_back_at is None:
            _tell_once(rotation, now=now)
    return True


def _tell_once(rotation: SecretRotation, *, now: datetime) -> None:
    tell("rotation.fell_back", rotation, actor=SYSTEM)
    client = rotation.client
    context: dict[str, object] = {
        "rotation": rotation,
        "secret": rotation.secret,
        "client": client,
        "url": alerts.page_url(f"/rotations/{rotation.pk}/"),
    }
    if client is not None:
        alerts.announce(client, "rotation_fell_back", context, key=str(rotation.pk), now=now)
