"""The calls of one connection, one behind the other: which lane may go, and the lease that makes one worker send it.

What a lane waits for is a condition here, not a bell that could be lost: a connection that is connected again, a time
that has come, a person who resumes. So a lane starts by itself at the next look.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from secrets import token_hex
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations import wall_clock
from integrations.gateway.held.living import NAME_CHARS
from integrations.gateway.held.storing import event
from integrations.models import Connection, HeldCall, HeldLane
from integrations.models.held import ON_THE_WAY
from integrations.states import is_one_of

LEASE = timedelta(seconds=15)
SETTLES = timedelta(seconds=5)  # what was sent by a worker that died may still be at work upstream
LONGEST_WAIT = timedelta(hours=25)
KEPT_EVENTS = 40
State = HeldCall.State

_STOPS = (Connection.Status.PAUSED, Connection.Status.NEEDS_RECONNECTING, Connection.Status.NOT_CONNECTED)


def claim(most: int, *, now: datetime, name: str = "") -> tuple[str, list[UUID]]:
    """Take lanes with something to send, a client's second after every client's first; return owner and lanes.

    `name` is that of the worker, by which the lanes are found once it is dead (`living.py`).
    """
    owner = name + token_hex(8)
    found = list(ready(now).values_list("pk", "connection__client_id"))
    random.shuffle(found)
    chosen = _in_turns(found)[: max(0, most)]
    if not chosen:
        return owner, []
    free = HeldLane.objects.filter(is_free(now), pk__in=chosen)
    free.update(lease_owner=owner, lease_until=now + LEASE)
    return owner, list(HeldLane.objects.filter(lease_owner=owner, pk__in=chosen).values_list("pk", flat=True))


def ready(now: datetime) -> QuerySet[HeldLane]:
    """Return the lanes that nobody holds and that may send something now."""
    calls = HeldCall.objects.filter(is_one_of(ON_THE_WAY), connection=OuterRef("pk"))
    # What a dead worker left under way is seen to in a paused lane, too.
    approved = calls.filter(Q(approved_at__isnull=False) | Q(state=State.SENDING))
    may_go = Q(Exists(calls), paused_at=None) | Q(Exists(approved))
    rows: QuerySet[HeldLane] = (
        HeldLane.objects.filter(is_free(now), is_time(now)).filter(may_go).exclude(connection__status__in=_STOPS)
    )
    return rows


def is_free(now: datetime) -> Q:
    """Return the condition that no worker holds a lane."""
    return wall_clock.is_free("lease_until", now, lease=LEASE)


def is_time(now: datetime) -> Q:
    """Return the condition that what a lane waits for is over."""
    return Q(next_at__isnull=True) | wall_clock.has_come("next_at", now, at_most=LONGEST_WAIT)


def _in_turns(found: Sequence[tuple[UUID, UUID]]) -> list[UUID]:
    seen: dict[UUID, int] = {}
    turns = []
    for lane, client in found:
        seen[client] = seen.get(client, 0) + 1
        turns.append((seen[client], lane))
    return [lane for _, lane in sorted(turns, key=lambda turn: turn[0])]


def renew(owners: Collection[str], *, now: datetime) -> None:
    """Keep the leases of the lanes that are being sent."""
    HeldLane.objects.filter(lease_owner__in=owners).update(lease_until=now + LEASE)


def release(lane_id: UUID, owner: str) -> None:
    """Let go of a lane."""
    HeldLane.objects.filter(pk=lane_id, lease_owner=owner).update(lease_owner="", lease_until=None)


def free_of(names: Collection[str], *, now: datetime) -> None:
    """Free the lanes of workers that are dead; those with a call under way a few seconds after that was begun."""
    held = HeldLane.objects.filter(lease_until__gt=now).exclude(lease_owner="")
    for lane_id, owner, until in held.values_list("pk", "lease_owner", "lease_until"):
        if owner[:NAME_CHARS] in names:
            left = HeldCall.objects.filter(connection_id=lane_id, state=State.SENDING).order_by("-attempted_at")
            begun_at = left.values_list("attempted_at", flat=True).first()
            settled_at = min(until, begun_at + SETTLES) if begun_at else now
            HeldLane.objects.filter(pk=lane_id, lease_owner=owner).update(
                lease_until=settled_at if settled_at > now else None
            )


def recover(lane_id: UUID, *, now: datetime) -> None:
    """See to what a dead worker left under way. Only for whoever holds the lane's lease.

    What may be made twice goes again, with the same key. Of the rest nobody knows whether it took effect.
    """
    left = list(HeldCall.objects.filter(connection_id=lane_id, state=State.SENDING))
    for call in left:
        state, code = (State.WAITING, call.code) if call.is_repeatable else (State.NEEDS_DECISION, "may_have_been_sent")
        note(call, event("interrupted", now=now), state=state, code=code)


def head(lane: HeldLane) -> HeldCall | None:
    """Return the call that goes next, with what is sealed in it; of a paused lane only what a person approved."""
    rows = HeldCall.objects.defer(None).filter(is_one_of(ON_THE_WAY), connection_id=lane.pk, state=State.WAITING)
    if lane.paused_at is not None:
        rows = rows.filter(approved_at__isnull=False)
    first: HeldCall | None = rows.order_by("id").first()
    return first


def begin(call: HeldCall, *, is_repeatable: bool, now: datetime) -> bool:
    """Write down that a call is about to be sent; tell whether it was still to be."""
    return note(
        call,
        event("sending", now=now),
        state=State.SENDING,
        attempts=call.attempts + 1,
        attempted_at=now,
        is_repeatable=is_repeatable,
    )


def note(call: HeldCall, line: dict[str, object], **columns: object) -> bool:
    """Change a call that is as it was read, and add a line to its timeline; tell whether it was changed."""
    columns["timeline"] = [*call.timeline, line][-KEPT_EVENTS:]
    mine = HeldCall.objects.filter(pk=call.pk, state=call.state, attempts=call.attempts)
    is_changed = bool(mine.update(**columns))
    if is_changed:
        for name, value in columns.items():
            setattr(call, name, value)
    return is_changed
