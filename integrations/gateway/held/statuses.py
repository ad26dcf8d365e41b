"""Where the fate of a kept call is read, with the same gateway token: GET, and DELETE while it is not sent."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from integrations.gateway import carried, throttle
from integrations.gateway.aftermath import Send
from integrations.gateway.held import acts, sealing
from integrations.gateway.held.keeping import PLACE, SAID
from integrations.gateway.held.sealing import Answer
from integrations.gateway.lookup import Lookup
from integrations.gateway.own_headers import own_headers
from integrations.gateway.problems import OWN_HEADERS, Problem
from integrations.gateway.route import TokenFacts
from integrations.gateway.signing_in import JWT_BEGINS
from integrations.gateway.trace import Trace
from integrations.models import HeldCall
from secrets_vault.actor import Actor

ANSWER = "/answer"
NO_SLUG = "_waiting"
Headers = list[tuple[bytes, bytes]]


class Statuses:
    """Answers what stands under `/gateway/_waiting/`. A call is shown to the token that made it and to no other.

    Who signs in by a JWT sees only calls that the same subject of the same issuer made, on that connection.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def answer(self, trace: Trace, path: bytes, *, send: Send) -> None:
        """Answer one request; raises Problem."""
        if trace.method not in ("GET", "HEAD", "DELETE"):
            raise Problem("method_not_allowed")
        found = carried.find_token(trace.request_headers, b"")
        if not found.is_where_it_may_be(""):
            raise Problem("token_missing")
        trace.token_text = found.text
        named = path[len(PLACE) :].decode("latin-1")
        wants_answer = named.endswith(ANSWER)
        token = await self._token(found.text, named.removesuffix(ANSWER))
        throttle.check_address(token, trace.caller_ip)
        wanted = _id(named.removesuffix(ANSWER))
        if wants_answer:
            given = await self._lookup.in_thread(answer_of, token, wanted)
            await _send(given.status, _own(given.headers, trace), given.body, trace=trace, send=send)
            return
        actor = Actor(kind="gateway", id=str(token.id), label=token.name, ip=trace.caller_ip)
        told = await self._lookup.in_thread(status_of, token, wanted, actor if trace.method == "DELETE" else None)
        headers = [(b"content-type", b"application/json"), *OWN_HEADERS[1:], *own_headers(trace, now=trace.at)]
        await _send(200, headers, json.dumps(told).encode(), trace=trace, send=send)

    async def _token(self, text: str, named: str) -> TokenFacts:
        """Return what the caller's token allows; raises Problem.

        A JWT opens a connection, and which one this is about only the call itself says. Without such a call there is
        nothing that it could open: that is answered like a JWT that is not believed.
        """
        if not text.startswith(JWT_BEGINS):
            return (await self._lookup.route(text, NO_SLUG)).token
        slug = await self._lookup.in_thread(slug_of, named)
        return (await self._lookup.route(text, slug or NO_SLUG)).token


async def _send(status: int, headers: Headers, body: bytes, *, trace: Trace, send: Send) -> None:
    trace.has_begun = True
    headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    shown = b"" if trace.method == "HEAD" else body
    await send({"type": "http.response.body", "body": shown, "more_body": False})


def _own(headers: Headers, trace: Trace) -> Headers:
    """Return the headers of the answer as it came then, with the ids of this request."""
    kept = [
        (name, value) for name, value in headers if not name.startswith(b"x-keylodge-") and name != b"content-length"
    ]
    return [*kept, *own_headers(trace, now=trace.at)]


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Problem("held_call_not_found") from None


def _found(token: TokenFacts, wanted: UUID, *, blobs: bool = False) -> HeldCall:
    rows = HeldCall.objects.defer(None) if blobs else HeldCall.objects.select_related("connection")
    call: HeldCall | None = rows.filter(pk=wanted, token_id=token.id).first()
    if call is None or (token.is_by_jwt and not _is_of(token, call)):
        raise Problem("held_call_not_found")
    return call


def _is_of(token: TokenFacts, call: HeldCall) -> bool:
    """Tell whether who signed in made the call. Whoever names no subject is nobody, and made none."""
    made_by = bytes(call.signer or b"")
    return bool(token.jwt_signer and made_by) and hmac.compare_digest(token.jwt_signer, made_by)


def slug_of(named: str) -> str:
    """Return the name of the connection of a held call, "" where there is no such call."""
    rows = HeldCall.objects.filter(pk=_id(named)).values_list("connection__slug", flat=True)
    return rows.first() or ""


def status_of(token: TokenFacts, wanted: UUID, discarded_by: Actor | None = None) -> dict[str, Any]:
    """Return what became of a call, after discarding it where that is asked; raises Problem."""
    call = _found(token, wanted)
    if discarded_by is not None and call.state != HeldCall.State.DISCARDED:
        try:
            acts.discard(call, reason="", actor=discarded_by, now=datetime.now(UTC))
        except acts.NotNow:
            raise Problem("held_call_moved_on") from None
    told = {
        "id": str(call.pk),
        "state": SAID[call.state],
        "why": call.code,
        "method": call.method,
        "path": call.path,
        "queued_at": call.held_at.isoformat(),
        "attempts": call.attempts,
        "attempted_at": call.attempted_at.isoformat() if call.attempted_at else None,
        "ended_at": call.ended_at.isoformat() if call.ended_at else None,
        "status": call.status,
        "edited": call.is_edited,
    }
    has_answer = call.ended_at is not None and call.forgotten_at is None and call.status is not None
    return told | {"answer_url": f"{PLACE}{call.pk}{ANSWER}" if has_answer else None}


def answer_of(token: TokenFacts, wanted: UUID) -> Answer:
    """Return what the provider answered in the end; raises Problem."""
    answer = sealing.open_answer(_found(token, wanted, blobs=True))
    if answer is None:
        raise Problem("held_call_not_found")
    return answer
