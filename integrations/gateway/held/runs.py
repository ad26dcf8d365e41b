"""Many calls sent again at once: begun by a person, stopped by one, or by the first that ends otherwise than hoped."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from integrations.gateway.held import acts
from integrations.models import HeldCall, HeldLane, HeldRun
from integrations.models.held import OPEN_STATES
from integrations.states import is_one_of
from secrets_vault import audit
from secrets_vault.access import VisibleQuerySet
from secrets_vault.actor import Actor
from secrets_vault.models import User

State = HeldCall.State
MOST = 5_000
SURPRISE = "surprise"


def begin(rows: VisibleQuerySet, *, user: User, actor: Actor, now: datetime) -> HeldRun:
    """Approve each of these calls once, and return what can be watched and stopped."""
    with transaction.atomic():
        run = HeldRun.objects.create(made_by=user, made_at=now)
        chosen = list(rows.filter(is_one_of(OPEN_STATES)).order_by("id").values_list("pk", "client_id")[:MOST])
        mine = HeldCall.objects.filter(pk__in=[pk for pk, _ in chosen]).exclude(state=State.SENDING)
        connections = set(mine.values_list("connection_id", flat=True))
        count = mine.update(
            state_before=F("state"),
            state=State.WAITING,
            approved_at=now,
            ended_at=None,
            run=run,
            decided_by=actor.label,
        )
        HeldRun.objects.filter(pk=run.pk).update(calls=count)
        acts.hurry(connections)
        for client_id in sorted({client for _, client in chosen}, key=str):
            own = sum(client == client_id for _, client in chosen)
            audit.record("held_calls.replayed", actor=actor, client=client_id, subject=run, details={"calls": own})
    run.refresh_from_db()
    return run


def stop(run: HeldRun, *, actor: Actor, now: datetime) -> bool:
    """Take back what has not been sent; tell whether there was anything to stop."""
    with transaction.atomic():
        if not HeldRun.objects.filter(pk=run.pk, stopped_at=None).update(stopped_at=now, stopped_why="person"):
            return False
        clients = _take_back(run.pk)
        for client_id in sorted(clients, key=str):
            audit.record("held_calls.stopped", actor=actor, client=client_id, subject=run)
    return True


def stop_at(call: HeldCall, *, why: str, now: datetime) -> None:
    """Stop what a call belongs to, because it ended otherwise than hoped, and pause its lane until a person looks."""
    if call.run_id is None:
        return
    if HeldRun.objects.filter(pk=call.run_id, stopped_at=None).update(stopped_at=now, stopped_why=why):
        _take_back(call.run_id)
        lane = HeldLane.objects.filter(pk=call.connection_id, paused_at=None)
        lane.update(paused_at=now, paused_by="", paused_why=SURPRISE)


def _take_back(run_id: UUID) -> set[UUID]:
    """Let the calls of a run that still wait be what they were; return whose they are."""
    left = HeldCall.objects.filter(run_id=run_id, state=State.WAITING, approved_at__isnull=False)
    clients = set(left.values_list("client_id", flat=True))
    left.exclude(state_before="").update(state=F("state_before"), approved_at=None)
    return clients


def progress(run: HeldRun) -> dict[str, int]:
    """Return how many calls of a run are in which state."""
    counts: dict[str, int] = {}
    for state in HeldCall.objects.filter(run=run).values_list("state", flat=True):
        counts[state] = counts.get(state, 0) + 1
    return counts
