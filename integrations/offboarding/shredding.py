"""The last step: asked for by a person, undoable until it is due, then carried out and verified by the worker.

The keys are destroyed first, in the transaction that says so: from then on nothing opens, whatever happens to the
rows. A worker that dies leaves the stage SHREDDING, and the next one goes on. DONE is only what was looked at.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from integrations import alerts, sweeps
from integrations.models import Offboarding
from integrations.offboarding import certificate, removing
from integrations.offboarding.steps import SWEEP, NotNow, Stage, move, record
from secrets_vault import certificates, shredding
from secrets_vault.actor import SYSTEM, Actor

logger = logging.getLogger(__name__)

WAIT = timedelta(hours=24)


def ask_to_shred(
    offboarding: Offboarding, *, typed_name: str, is_at_once: bool, actor: Actor, now: datetime
) -> datetime:
    """Set when the client's keys are destroyed and return that time. Raises NotNow unless its name was typed."""
    if " ".join(typed_name.split()) != " ".join(offboarding.client.name.split()):
        raise NotNow(
            _("Type the client's name exactly as it is written here: {name}.").format(name=offboarding.client.name)
        )
    due = now if is_at_once else now + WAIT
    with transaction.atomic():
        asked = {"shred_asked_at": now, "shred_due_at": due, "shred_by_name": actor.label, "trouble": ""}
        move(offboarding, Stage.WAITING, when=(Stage.REVOKED,), **asked)
        record(offboarding, "offboarding.shred_asked", actor=actor, due=due.strftime("%Y-%m-%d %H:%M UTC"))
        sweeps.hurry(SWEEP, now=now)
    return due


def undo(offboarding: Offboarding, *, actor: Actor, now: datetime) -> None:
    """Take it back while it waits. Raises NotNow once the keys are destroyed."""
    with transaction.atomic():
        move(offboarding, Stage.REVOKED, when=(Stage.WAITING,), shred_asked_at=None, shred_due_at=None)
        record(offboarding, "offboarding.shred_undone", actor=actor)


def carry_on(*, now: datetime) -> int:
    """Destroy what is due and go on with what was begun; return how many off-boardings were finished."""
    for due in Offboarding.objects.filter(stage=Stage.WAITING, shred_due_at__lte=now).select_related("client"):
        _destroy_keys(due, now=now)
    begun = Offboarding.objects.filter(stage=Stage.SHREDDING).select_related("client", "begun_by")
    return sum(_finish(row, now=now) for row in begun)


def _destroy_keys(offboarding: Offboarding, *, now: datetime) -> None:
    try:
        with transaction.atomic():
            move(offboarding, Stage.SHREDDING, when=(Stage.WAITING,), shredded_at=now)
            shredding.shred(offboarding.client, actor=_asked_by(offboarding), now=now)
    except NotNow:  # it was undone a moment ago
        logger.info("shredding overtaken", extra={"offboarding": str(offboarding.pk)})


def _asked_by(offboarding: Offboarding) -> Actor:
    return Actor(kind="system", label=offboarding.shred_by_name or SYSTEM.label)


def _finish(offboarding: Offboarding, *, now: datetime) -> int:
    """Delete the rows, look whether anything is left, and sign. What is found keeps it from being done."""
    client = offboarding.client
    shredding.shred(client, actor=SYSTEM, now=now)  # a term that was being made while the others were destroyed
    handed_over = certificate.handed_over(client)
    if handed_over and not offboarding.certificate:
        Offboarding.objects.filter(pk=offboarding.pk).update(certificate={"handed_over": handed_over})
        offboarding.refresh_from_db(fields=["certificate"])
    try:
        removing.remove(client)
        left = [*shredding.what_still_opens(client), *removing.what_is_left(client)]
    except removing.StillThere as error:
        left = [str(error)]
    if left:
        trouble = ", ".join(left)[:300]
        logger.error("not everything of a client is gone", extra={"offboarding": str(offboarding.pk)})
        Offboarding.objects.filter(pk=offboarding.pk).update(trouble=trouble)
        return 0
    _sign(offboarding, now=now)
    return 1


def _sign(offboarding: Offboarding, *, now: datetime) -> None:
    with transaction.atomic():
        client = offboarding.client
        client.archived_at, client.notes = client.archived_at or now, ""
        client.save(update_fields=["archived_at", "notes"])
        statement = certificate.statement_of(offboarding, now=now)
        signed = {"certificate": statement, "signature": certificates.sign(statement)}
        move(offboarding, Stage.DONE, when=(Stage.SHREDDING,), done_at=now, trouble="", **signed)
        record(offboarding, "offboarding.done", actor=SYSTEM, sha256=certificates.digest(statement))
        _tell(offboarding, now=now)


def _tell(offboarding: Offboarding, *, now: datetime) -> None:
    client = offboarding.client
    context: dict[str, object] = {"client": client, "url": alerts.page_url(f"/clients/{client.slug}/offboard/")}
    for user in alerts.recipients(client):
        is_play = client.is_demo or client.is_sandbox
        alerts.tell(user, "offboarding_done", context, key=str(offboarding.pk), client=None, now=now, is_play=is_play)
