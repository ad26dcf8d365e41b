"""Beginning an off-boarding, giving it up, and letting the worker end every access. Stages move one at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from integrations import sweeps
from integrations.errors import IntegrationError
from integrations.models import Offboarding, OffboardingItem
from integrations.offboarding.inventory import items_of
from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.models import Client, User

Stage = Offboarding.Stage
SWEEP = "offboarding"


class NotNow(IntegrationError):
    """This step is not possible at this stage. The message says why."""

    code = "offboarding_not_now"


def current_of(client: Client) -> Offboarding | None:
    """Return a client's off-boarding that was not given up, None before one has begun."""
    found: Offboarding | None = Offboarding.objects.filter(client=client).exclude(stage=Stage.CANCELLED).first()
    return found


def begin(client: Client, *, actor: Actor, now: datetime) -> Offboarding:
    """Begin an off-boarding and list what is to be ended. Nothing is changed yet. Raises NotNow for a second one."""
    by = User.objects.filter(pk=actor.id).first() if actor.kind == "user" else None
    try:
        with transaction.atomic():
            made = Offboarding.objects.create(client=client, begun_by=by, begun_by_name=actor.label, begun_at=now)
            list_items(made, now=now)
            record(made, "offboarding.begun", actor=actor, items=made.items.count())
    except IntegrityError:
        raise NotNow(_("This client is being off-boarded already.")) from None
    return made


def list_items(offboarding: Offboarding, *, now: datetime) -> None:
    """Add what is to be ended and is not listed yet: something may have been made since."""
    known = set(offboarding.items.values_list("kind", "object_id"))
    new = [item for item in items_of(offboarding.client, now=now) if (item.kind, item.object_id) not in known]
    for position, item in enumerate(new, start=len(known)):
        item.offboarding, item.position = offboarding, position
    OffboardingItem.objects.bulk_create(new)


def start_revoking(offboarding: Offboarding, *, actor: Actor, now: datetime) -> None:
    """Have the worker end every access; also once more, for what failed. Raises NotNow."""
    with transaction.atomic():
        move(offboarding, Stage.REVOKING, when=(Stage.BEGUN, Stage.REVOKED), revoke_at=now)
        list_items(offboarding, now=now)
        again = offboarding.items.filter(outcome=OffboardingItem.Outcome.FAILED)
        again.update(outcome=OffboardingItem.Outcome.WAITING, code="")
        record(offboarding, "offboarding.revoking", actor=actor, items=offboarding.items.count())
        sweeps.hurry(SWEEP, now=now)


def cancel(offboarding: Offboarding, *, actor: Actor, now: datetime) -> None:
    """Give an off-boarding up. What was revoked stays revoked; nothing is destroyed. Raises NotNow."""
    with transaction.atomic():
        move(offboarding, Stage.CANCELLED, when=(Stage.BEGUN, Stage.REVOKED))
        record(offboarding, "offboarding.cancelled", actor=actor)


def move(offboarding: Offboarding, stage: str, *, when: tuple[str, ...], **changes: Any) -> None:
    """Bring an off-boarding to another stage if it is at one of these. Raises NotNow. Needs a transaction."""
    row = Offboarding.objects.filter(pk=offboarding.pk, stage__in=when)
    if not row.update(stage=stage, **changes):
        raise NotNow(_("Somebody else went on meanwhile. Look at where it stands, then decide."))
    offboarding.refresh_from_db()


def record(offboarding: Offboarding, action: str, *, actor: Actor, **details: Any) -> None:
    """Write one event into the book: names, counts and codes."""
    audit.record(
        action,
        actor=actor,
        client=offboarding.client_id,
        subject=offboarding,
        label=offboarding.client.slug,
        details=details,
    )
