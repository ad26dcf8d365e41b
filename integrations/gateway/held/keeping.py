"""The ending in which a call is kept: answered 202 with an address where its fate can be read, once it is on disk."""

from __future__ import annotations

import json

from integrations import limits
from integrations.gateway.aftermath import Failed, Send, UnderWay
from integrations.gateway.asked import ALWAYS, NEVER, ON_FAILURE
from integrations.gateway.body import CallerBody
from integrations.gateway.held import deciding, inflow
from integrations.gateway.held.deciding import Stood
from integrations.gateway.held.draft import Kept, NotKept
from integrations.gateway.held.inflow import MOST_BODY_BYTES
from integrations.gateway.held.writer import HeldWriter
from integrations.gateway.own_headers import own_headers
from integrations.gateway.problems import OWN_HEADERS, Problem
from integrations.gateway.trace import KEPT_BYTES, Trace
from integrations.models import HeldCall
from integrations.models.call import NO_TOKEN
from integrations.outbound import OutboundError

PLACE = "/gateway/_waiting/"
"""No connection has a name that begins with a low line (`connections/making.py`)."""

AS_ASKED = deciding.Verdict(deciding.WAITING, "asked")
SAID = {state: state.replace("_", "-") for state in HeldCall.State.values}


class Keeping:
    """Keeps the calls of one web process that may be kept."""

    def __init__(self, writer: HeldWriter, *, room: inflow.Room | None = None) -> None:
        self._writer = writer
        self._room = room or inflow.Room()

    async def before(self, call: UnderWay, *, send: Send) -> bool:
        """Keep a call that asks for it whatever happens, and one that is known by its key; make room for the rest."""
        wish = wish_of(call)
        if wish in ("", NEVER):
            return False
        call.most_body_bytes, call.release = self._room.of(call.body)
        kept = await self._known(call) if call.asked.idempotency_key else None
        if kept is None and wish == ALWAYS:
            kept = await self._put(call, Stood(), AS_ASKED)
        if kept is None:
            return False
        if isinstance(kept, NotKept):
            raise Problem(_PROBLEMS.get(kept.why, "not_kept"))
        call.trace.status = 202
        return await self._answered(call, kept, send=send)

    async def after(self, call: UnderWay, failed: Failed, *, send: Send) -> bool:
        """Keep a call whose failure will pass. Where it cannot be kept, the failure says why."""
        if wish_of(call) not in (ON_FAILURE, ALWAYS):
            return False
        stood = stood_of(call, failed)
        verdict = deciding.verdict(stood)
        if verdict is None:
            return False
        kept = await self._put(call, stood, verdict)
        if isinstance(kept, NotKept):
            if kept.why == "key_reused":
                raise Problem("key_reused")
            call.trace.queued = f"no; why={kept.why.replace('_', '-')}"
            return False
        note_failure(call.trace, failed)
        return await self._answered(call, kept, send=send)

    async def _known(self, call: UnderWay) -> Kept | NotKept | None:
        """Return the call that has this key already. Where nobody can tell, nothing is sent a second time either."""
        try:
            body = await whole(call.body, most=call.most_body_bytes)
        except NotKept:
            return None  # what is too large was never kept
        return await self._writer.known(inflow.draft_of(call, body, Stood(), AS_ASKED))

    async def _put(self, call: UnderWay, stood: Stood, verdict: deciding.Verdict) -> Kept | NotKept:
        try:
            body = await whole(call.body, most=call.most_body_bytes)
            return await self._writer.put(inflow.draft_of(call, body, stood, verdict))
        except NotKept as why:
            return why

    async def _answered(self, call: UnderWay, kept: Kept, *, send: Send) -> bool:
        trace = call.trace
        trace.queued = SAID[kept.state]
        place = PLACE + str(kept.id)
        body = json.dumps({"id": str(kept.id), "state": SAID[kept.state], "status_url": place}).encode()
        headers = [
            (b"content-type", b"application/json"),
            *OWN_HEADERS[1:],
            (b"location", place.encode()),
            *own_headers(trace, now=trace.at),
            (b"content-length", b"%d" % len(body)),
        ]
        trace.has_begun = True
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        return True


_PROBLEMS = {"queue_full": "queue_full", "body_too_large": "body_too_large_to_keep", "key_reused": "key_reused"}


def wish_of(call: UnderWay) -> str:
    """Return what is to be done with a call that fails: what it says itself, else the switch of its token."""
    route = call.trace.route
    if route is None or route.connection_id is None or route.token.id == NO_TOKEN:
        return ""
    return call.asked.queue or (ON_FAILURE if route.token.keep_failed else "")


async def whole(body: CallerBody, *, most: int = MOST_BODY_BYTES) -> bytes:
    """Return the caller's whole body; raises NotKept where it is longer, or on its way upstream already."""
    if not body.is_begun:
        await body.first(most)
    if not body.is_kept or body.count > MOST_BODY_BYTES:
        raise NotKept("body_too_large")
    return body.kept


def stood_of(call: UnderWay, failed: Failed) -> Stood:
    """Return what a failure comes to."""
    attempts = call.attempts
    if attempts is None or failed.error is not None:
        is_outbound = isinstance(failed.error, OutboundError)
        return Stood(code=failed.code, verdict=attempts.verdict) if attempts and is_outbound else Stood(failed.code)
    provider, standing = attempts.way.provider, failed.standing
    body = b"".join(standing.peeked) if standing is not None else b""
    return Stood(
        status=failed.status,
        verdict=attempts.verdict,
        is_limit=call.trace.is_limit,
        is_spent=limits.never_repeat(limits.error_codes(body), provider=provider),
        retries_500=provider.retries_500,
    )


def note_failure(trace: Trace, failed: Failed) -> None:
    """Let the call log tell of the failure, although the caller was told something better."""
    if failed.error is not None:
        trace.code = failed.code
        trace.status = failed.error.status if isinstance(failed.error, Problem) else Problem(failed.code).status
    elif failed.standing is not None:
        answering = failed.standing.answering
        trace.status, trace.response_headers = answering.status, answering.headers
        trace.response_body += b"".join(failed.standing.peeked)[:KEPT_BYTES]
