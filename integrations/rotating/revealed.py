"""What a person has seen: the secrets they revealed or copied and that nobody has rotated since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max

from integrations.rotating import guided
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.models import AuditEvent, StoredSecret, User

if TYPE_CHECKING:
    from integrations.models import SecretRotation

SEEING = ("secret.revealed", "secret.copied", "secret.taken_out")
MOST = 500


@dataclass(frozen=True)
class Seen:
    """One secret that somebody has seen, and when last."""

    stored: StoredSecret
    at: datetime
    rotation: SecretRotation | None = None


def people_who_saw(user: User) -> list[tuple[str, str]]:
    """Return (id, name) of everybody who revealed or copied something of the clients that this person sees."""
    events = AuditEvent.objects.visible_to(user).filter(action__in=SEEING, actor_kind="user").order_by()
    found = dict(events.values_list("actor_id").annotate(name=Max("actor_label")))
    return sorted(found.items(), key=lambda pair: pair[1].lower())


def seen_by(actor_id: str, *, user: User) -> list[Seen]:
    """Return what that person has seen and is not rotated since, of what `user` manages; the newest look first."""
    events = AuditEvent.objects.visible_to(user).filter(action__in=SEEING, actor_kind="user", actor_id=actor_id)
    looks = dict(events.order_by().values_list("object_id").annotate(at=Max("at")).order_by("-at")[:MOST])
    rows = StoredSecret.objects.manageable_by(user).filter(pk__in=list(looks), deleted_at=None)
    rows = rows.exclude(kind=StoredSecret.Kind.SYSTEM).select_related("client", "environment", "current")
    found = [Seen(row, looks[str(row.pk)]) for row in rows if _is_as_it_was(row, looks[str(row.pk)])]
    return sorted(found, key=lambda seen: seen.at, reverse=True)


def _is_as_it_was(stored: StoredSecret, at: datetime) -> bool:
    return stored.current is not None and stored.current.created_at <= at


def rotate_all(chosen: Iterable[StoredSecret], *, actor: Actor, now: datetime, reason: str) -> tuple[int, int]:
    """Begin a rotation of each; what has no steps (a note, a set of values) becomes due today. Return both counts."""
    begun = due = 0
    for stored in chosen:
        if guided.can_rotate(stored):
            guided.start(stored, actor=actor, now=now, reason=reason)
            begun += 1
        else:
            with transaction.atomic():
                vault.describe(stored, actor=actor, rotate_on=now.date())
            due += 1
    return begun, due
