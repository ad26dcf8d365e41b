"""Calls of the demo that wait, one in each state. Nothing of them is ever sent.

Their lanes are paused; and one that a person sends all the same goes nowhere, as the demo's credentials are bound to a
host that there is not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dashboard.demo_data.webhooks import id_at
from integrations.gateway.held import sealing
from integrations.gateway.held.sealing import Answer, Request
from integrations.gateway.held.storing import event
from integrations.models import HeldCall, HeldLane, HeldRun
from secrets_vault.models import User

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.demo_data.calls import Caller

State = HeldCall.State
JSON = [(b"content-type", b"application/json")]


@dataclass(frozen=True)
class Story:
    """One call and how it went. `turn` counts the callers, `ago_m` the minutes since it was kept."""

    turn: int
    ago_m: int
    method: str
    path: str
    body: dict[str, Any]
    state: str
    code: str
    status: int | None = None
    answer: dict[str, Any] | None = None
    reason: str = ""


STORIES = (
    Story(0, 95, "PATCH", "/crm/v3/objects/contacts/4711", {"properties": {"city": "Kiel"}}, State.WAITING,
          "needs_reconnecting"),
    Story(0, 80, "POST", "/crm/v3/objects/contacts", {"properties": {"email": "jo@demo.invalid"}}, State.WAITING,
          "needs_reconnecting"),
    Story(0, 78, "POST", "/crm/v3/objects/deals", {"properties": {"dealname": "Spring order"}}, State.NEEDS_DECISION,
          "may_have_been_sent"),
    Story(1, 300, "POST", "/v1/customers", {"name": "Demo GmbH"}, State.SENT, "", 200, {"id": "cus_DemoAbc"}),
    Story(1, 290, "POST", "/v1/invoices", {"customer": "cus_DemoAbc"}, State.SENT, "", 200, {"id": "in_Demo"}),
    Story(1, 280, "POST", "/v1/charges", {"amount": -5, "currency": "eur"}, State.FAILED, "refused", 400,
          {"error": {"type": "invalid_request_error", "message": "This value must be greater than or equal to 1."}}),
    Story(1, 250, "DELETE", "/v1/customers/cus_DemoOld", {}, State.DISCARDED, "upstream_away", 503,
          reason="DEMO: made by hand in the meantime"),
)  # fmt: skip


def make_waiting(callers: Sequence[Caller], *, now: datetime) -> None:
    """Keep the calls of the demo, in lanes that are paused. In the caller's transaction."""
    run = _run(now=now)
    for caller in {id(caller): caller for caller in (_caller(story, callers) for story in STORIES)}.values():
        lane = {"paused_at": now, "paused_by": "DEMO", "paused_why": "person"}
        HeldLane.objects.get_or_create(connection=caller.connection, defaults=lane)
    for story in STORIES:
        _keep(story, _caller(story, callers), run, now=now)
    if run is not None:
        HeldRun.objects.filter(pk=run.pk).update(calls=run.rows.count())


def _caller(story: Story, callers: Sequence[Caller]) -> Caller:
    return callers[story.turn % len(callers)]


def _run(*, now: datetime) -> HeldRun | None:
    """Return what the calls that were sent were sent by: the owner, if there is one."""
    owner = User.objects.filter(is_owner=True, is_active=True).order_by("pk").first()
    made_at = now - timedelta(minutes=240)
    return HeldRun.objects.create(id=id_at(made_at), made_by=owner, made_at=made_at) if owner else None


def _keep(story: Story, caller: Caller, run: HeldRun | None, *, now: datetime) -> None:
    held_at = now - timedelta(minutes=story.ago_m)
    row_id, body = id_at(held_at), json.dumps(story.body).encode() if story.body else b""
    request = Request(story.method, story.path.encode(), b"", JSON, body, has_body=bool(body))
    is_sent = story.state == State.SENT
    HeldCall.objects.create(
        id=row_id,
        client_id=caller.client_id,
        environment_id=caller.environment_id,
        connection=caller.connection,
        token_id=caller.token_id,
        token_name=caller.token_name,
        held_at=held_at,
        method=story.method,
        host=caller.service.host,
        path=story.path,
        body_bytes=len(body),
        size=len(body) + 64,
        caller_ip="192.0.2.10",
        state=story.state,
        code=story.code,
        status=story.status,
        run=run if is_sent else None,
        **_went(story, held_at),
        **_blobs(request, story, row_id=row_id, client_id=caller.client_id),
    )


def _went(story: Story, held_at: datetime) -> dict[str, Any]:
    """Return the columns that say what happened since."""
    timeline = [event("held", now=held_at, code=story.code or "upstream_away", status=story.status)]
    if story.state == State.WAITING:
        return {"timeline": timeline}
    tried_at = held_at + timedelta(minutes=30)
    if story.state == State.NEEDS_DECISION:
        timeline += [event("sending", now=tried_at), event("interrupted", now=tried_at + timedelta(seconds=4))]
        return {"timeline": timeline, "attempts": 1, "attempted_at": tried_at}
    if story.state == State.DISCARDED:
        timeline.append(event("discarded", now=tried_at, by="DEMO"))
        gone = {"state_before": State.WAITING, "decided_by": "DEMO", "reason": story.reason}
        return {"timeline": timeline, "ended_at": tried_at, **gone}
    timeline += [event("sending", now=tried_at), event(story.state, now=tried_at, status=story.status, code=story.code)]
    return {"timeline": timeline, "attempts": 1, "attempted_at": tried_at, "ended_at": tried_at}


def _blobs(request: Request, story: Story, *, row_id: UUID, client_id: UUID) -> dict[str, bytes]:
    blobs = sealing.seal_request(request, row_id=row_id, client_id=client_id)
    if story.answer is None or story.status is None:
        return blobs
    answer = Answer(story.status, JSON, json.dumps(story.answer).encode())
    return blobs | sealing.seal_answer(answer, row_id=row_id, client_id=client_id)
