"""The steps of making the calls of a lane that ask the database: what goes next, and what is written of the last."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from integrations.gateway.attempts import request_of
from integrations.gateway.held import lanes, runs, sealing
from integrations.gateway.held.outcome import Lane, Next, Result, next_of, pause_s
from integrations.gateway.held.sealing import Request
from integrations.gateway.held.storing import event
from integrations.gateway.retry import IDEMPOTENT, Kind
from integrations.models import Connection, HeldCall, HeldLane
from integrations.providers.registry import ProviderNotFound, get_provider
from secrets_vault.errors import Unreadable

logger = logging.getLogger(__name__)
State = HeldCall.State


@dataclass(frozen=True, slots=True)
class Work:
    """A call that is about to be made. The database says so already.

    `is_lane_clean`: its lane has not failed of late, so a success changes nothing there.
    """

    call: HeldCall
    slug: str
    is_lane_clean: bool
    request: Request = field(repr=False)


def next_work(lane_id: UUID, owner: str, *, now: datetime) -> Work | None:
    """Take the next call of a lane, None where there is none, or the lane is no longer ours or may not go."""
    while True:
        lane = HeldLane.objects.select_related("connection").filter(pk=lane_id, lease_owner=owner).first()
        if lane is None or (lane.next_at is not None and lane.next_at > now):
            return None
        call = lanes.head(lane)
        if call is None:
            return None
        try:
            request = sealing.open_request(call)
        except Unreadable:
            lanes.note(call, event("unreadable", now=now), state=State.FAILED, code="payload_unreadable", ended_at=now)
            continue
        if lanes.begin(call, is_repeatable=_is_repeatable(lane.connection, request), now=now):
            return Work(call, lane.connection.slug, lane.next_at is None and not lane.failures_in_row, request)


def _is_repeatable(connection: Connection, request: Request) -> bool:
    """Tell whether this call may be made twice, should its sender die in the middle."""
    try:
        provider = get_provider(connection.provider_key)
    except ProviderNotFound:
        return request.method in IDEMPOTENT
    return request_of(request.method, request.headers, provider).kind is not Kind.ONCE


def finish(work: Work, result: Result, *, now: datetime, chance: Callable[[], float] = random.random) -> bool:
    """Write down what came of a call, and what follows for those behind it; tell whether the next may go at once."""
    call = copy(work.call)  # where the database goes away at the commit, this is done again with what was read
    follows = next_of(result, is_repeatable=call.is_repeatable)
    with transaction.atomic(savepoint=False):
        if not lanes.note(call, _line(result, follows, now=now), **_columns(call, result, follows, now=now)):
            return False  # somebody else has taken it for dead, and goes on with it
        if follows.is_surprise:
            runs.stop_at(call, why=follows.code, now=now)
        if follows.lane is not Lane.ON or not work.is_lane_clean:
            _move_lane(call, result, follows, now=now, chance=chance)
    return follows.lane is Lane.ON


def follow(work: Work, result: Result, owner: str, *, now: datetime) -> Work | None:
    """Write down what came of a call and take the next one of its lane, both at once; None where none may go."""
    try:
        with transaction.atomic():
            return next_work(work.call.connection_id, owner, now=now) if finish(work, result, now=now) else None
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # whatever is wrong with the next one: what came of this one is kept
        finish(work, result, now=now)
        raise


def _line(result: Result, follows: Next, *, now: datetime) -> dict[str, object]:
    return event(str(follows.state), now=now, status=result.status, code=follows.code)


def _columns(call: HeldCall, result: Result, follows: Next, *, now: datetime) -> dict[str, object]:
    columns: dict[str, object] = {"state": follows.state, "code": follows.code, "status": result.status}
    if not result.was_sent:
        columns["attempts"] = call.attempts - 1
    if follows.state == State.WAITING:
        return columns
    columns |= {"approved_at": None, "ended_at": now}
    if result.answer is not None:
        columns |= sealing.seal_answer(result.answer, row_id=call.pk, client_id=call.client_id)
    if call.callback_sealed is not None:
        columns["callback_at"] = now
    return columns


def _move_lane(call: HeldCall, result: Result, follows: Next, *, now: datetime, chance: Callable[[], float]) -> None:
    lane = HeldLane.objects.filter(pk=call.connection_id)
    if follows.lane is Lane.ON:
        lane.exclude(next_at=None, failures_in_row=0).update(next_at=None, waits_for="", failures_in_row=0)
        return
    is_pause = follows.lane is Lane.PAUSE and not _waits_by_itself(call, follows)
    if is_pause:
        lane.filter(paused_at=None).update(paused_at=now, paused_by="", paused_why=follows.pause_why)
        return
    row = lane.values_list("failures_in_row", flat=True).first() or 0
    until = now + timedelta(seconds=pause_s(result, failures=row, chance=chance, is_repeatable=call.is_repeatable))
    lane.update(next_at=until, waits_for=follows.code, failures_in_row=F("failures_in_row") + 1)


def _waits_by_itself(call: HeldCall, follows: Next) -> bool:
    """Tell whether the connection itself says by now that it must be connected again: then it goes on after that."""
    stopped = Connection.objects.filter(pk=call.connection_id, status=Connection.Status.NEEDS_RECONNECTING)
    return follows.pause_why == "credential_refused" and stopped.exists()
