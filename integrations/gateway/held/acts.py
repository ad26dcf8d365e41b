"""What a person does about a call that waits, and about a lane. Each act is in the book."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.gateway.held import lanes, sealing
from integrations.gateway.held.sealing import Request
from integrations.gateway.held.storing import event
from integrations.models import Connection, HeldCall, HeldLane
from secrets_vault import audit
from secrets_vault.actor import Actor

State = HeldCall.State
UNSENT = (State.WAITING, State.NEEDS_DECISION, State.FAILED)
MOST_REASON = 300


class NotNow(IntegrationError):
    """The call is not in a state in which this can be done: somebody, or the worker, was faster."""

    code = "held_call_moved_on"


def replay(call: HeldCall, *, actor: Actor, now: datetime) -> None:
    """Approve one more sending; it goes as soon as its lane may send, before the lane is resumed, too."""
    _change(
        call,
        "held_call.replayed",
        when=UNSENT,
        actor=actor,
        now=now,
        state=State.WAITING,
        state_before=call.state,
        approved_at=now,
        ended_at=None,
        run=None,
    )
    hurry([call.connection_id])


def discard(call: HeldCall, *, reason: str, actor: Actor, now: datetime) -> None:
    """Have a call never be sent. It can be put back as long as it is kept."""
    said = reason.strip()[:MOST_REASON]
    columns = {"state": State.DISCARDED, "state_before": call.state, "approved_at": None, "ended_at": now}
    if call.callback_sealed is not None:
        columns["callback_at"] = now
    _change(call, "held_call.discarded", when=UNSENT, actor=actor, now=now, reason=said, **columns)


def put_back(call: HeldCall, *, actor: Actor, now: datetime) -> None:
    """Take a discard back: the call is what it was before, but for one that would go at once: that asks first."""
    _change(
        call,
        "held_call.put_back",
        when=(State.DISCARDED,),
        actor=actor,
        now=now,
        state=State.NEEDS_DECISION,
        ended_at=None,
        reason="",
    )


def edit(call: HeldCall, request: Request, *, actor: Actor, now: datetime) -> None:
    """Have another request be sent in the place of the one that came; that one is kept beside it.

    A call that would go by itself waits for a person from now on: what was edited is sent when somebody says so.
    """
    blobs = sealing.seal_request(request, row_id=call.pk, client_id=call.client_id, is_edit=True)
    _change(
        call,
        "held_call.edited",
        when=UNSENT,
        actor=actor,
        now=now,
        state=State.NEEDS_DECISION if call.state == State.WAITING else call.state,
        approved_at=None,
        is_edited=True,
        **blobs,
    )


def _change(call: HeldCall, action: str, *, when: Iterable[str], actor: Actor, now: datetime, **columns: Any) -> None:
    if call.state not in when or call.forgotten_at is not None:
        raise NotNow(_("This call has moved on. Look at it again."))
    line = event(action.partition(".")[2], now=now, by=actor.label)
    with transaction.atomic():
        if not lanes.note(call, line, decided_by=actor.label[:160], **columns):
            raise NotNow(_("This call has moved on. Look at it again."))
        details = {"connection": call.connection.slug, "reason": columns.get("reason", "")}
        audit.record(action, actor=actor, client=call.client_id, subject=call, label=_named(call), details=details)


def _named(call: HeldCall) -> str:
    return f"{call.method} {call.path}"[:200]


def hurry(connection_ids: Iterable[Any]) -> None:
    """Have lanes try at once instead of waiting for what they waited for."""
    wanted = list(connection_ids)
    HeldLane.objects.bulk_create([HeldLane(connection_id=pk) for pk in wanted], ignore_conflicts=True)
    HeldLane.objects.filter(pk__in=wanted).update(next_at=None, waits_for="")


def pause(connection: Connection, *, actor: Actor, now: datetime) -> bool:
    """Have nothing of a connection's queue be sent until it is resumed; tell whether it was running."""
    with transaction.atomic():
        HeldLane.objects.bulk_create([HeldLane(connection=connection)], ignore_conflicts=True)
        lane = HeldLane.objects.filter(pk=connection.pk, paused_at=None)
        if not lane.update(paused_at=now, paused_by=actor.label[:160], paused_why="person"):
            return False
        _record_lane("held_lane.paused", connection, actor=actor)
    return True


def resume(connection: Connection, *, actor: Actor) -> bool:
    """Let a lane send again; tell whether it was paused."""
    with transaction.atomic():
        lane = HeldLane.objects.filter(pk=connection.pk, paused_at__isnull=False)
        if not lane.update(paused_at=None, paused_by="", paused_why="", next_at=None, waits_for=""):
            return False
        _record_lane("held_lane.resumed", connection, actor=actor)
    return True


def _record_lane(action: str, connection: Connection, *, actor: Actor) -> None:
    audit.record(action, actor=actor, client=connection.client_id, subject=connection, label=connection.slug)
