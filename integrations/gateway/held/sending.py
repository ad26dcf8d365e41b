"""Makes one held call, by the very code that made it the first time: the gateway's own story of a call.

Only the token's text is missing, since it is kept nowhere: the held call names the token, and what that token, the
connection and the provider allow is asked anew each time. Nothing is decided from what held when the call came in.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from integrations import limits
from integrations.gateway.aftermath import Aftermath, Failed, Send, UnderWay
from integrations.gateway.again import FIRST_CALL
from integrations.gateway.app import Gateway
from integrations.gateway.body import BodyOnce, CallerBody
from integrations.gateway.held import deciding
from integrations.gateway.held.keeping import stood_of
from integrations.gateway.held.outcome import Result
from integrations.gateway.held.sealing import Answer, Request
from integrations.gateway.lookup import KEPT_S, Lookup
from integrations.gateway.problems import Problem
from integrations.gateway.route import Route, routed, token_facts
from integrations.gateway.target import MOUNT
from integrations.gateway.trace import Trace
from integrations.limits.reading import fold
from integrations.models import Connection, GatewayToken, HeldCall
from integrations.outbound import OutboundError
from integrations.tokens import new_text
from secrets_vault import generation

MOST_ANSWER_BYTES = 1024 * 1024


class ReplayLookup(Lookup):
    """Finds the route of a held call by the token that it names: a revoked token sends nothing.

    The calls of a lane ask for the same route, one after the other. It is kept as the gateway keeps its own: for five
    seconds, and only while the generation number has not grown, that is, while nothing has changed anywhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[str, HeldCall] = {}
        self._routes: dict[tuple[UUID, UUID, bool], tuple[Route, int, float]] = {}

    def expect(self, call: HeldCall) -> str:
        """Return a text that stands for the call's token until it is forgotten. Nobody else ever sees it."""
        text = new_text()
        self._calls[text] = call
        return text

    def forget(self, text: str) -> None:
        """Let the text stand for nothing again."""
        self._calls.pop(text, None)

    async def route(self, token_text: str, slug: str) -> Route:
        """Return the route; raises Problem token_invalid."""
        call = self._calls[token_text]
        key, seen = (call.token_id, call.connection_id, call.is_counted), generation.current()
        kept = self._routes.get(key)
        if kept is not None and kept[1] == seen and time.monotonic() - kept[2] < KEPT_S and not _has_ended(kept[0]):
            return kept[0]
        asked_s = time.monotonic()
        self._routes = {old: found for old, found in self._routes.items() if asked_s - found[2] < KEPT_S}
        route: Route = await self.in_thread(route_of, call)
        self._routes[key] = (route, seen, asked_s)
        return route


def _has_ended(route: Route) -> bool:
    return route.token.expires_at is not None and route.token.expires_at <= datetime.now(UTC)


def route_of(call: HeldCall) -> Route:
    """Return the route of a held call as it is now; raises Problem token_invalid for one that lives no more."""
    token, now = GatewayToken.objects.filter(pk=call.token_id).first(), datetime.now(UTC)
    if token is None or token.revoked_at is not None:
        raise Problem("token_invalid")
    facts = token_facts(token, is_previous=False)
    if facts.expires_at is not None and facts.expires_at <= now:
        raise Problem("token_invalid")
    if call.is_counted:  # a token for one use has been used by this call
        facts = replace(facts, max_uses=None)
    rows = Connection.objects.select_related("client", "environment", "secret__current", "beside_secret__current")
    connection = rows.filter(pk=call.connection_id, gateway_tokens=token).first()
    if connection is None:
        return Route(facts, "", "connection_not_found")
    return routed(facts, connection)


class Noting:
    """The ending that changes nothing and remembers which failure stood."""

    def __init__(self) -> None:
        self._noted: dict[UUID, Result] = {}

    async def after(self, call: UnderWay, failed: Failed, *, send: Send) -> bool:
        """Remember the failure."""
        stood = stood_of(call, failed)
        self._noted[call.trace.id] = Result(
            status=stood.status,
            code=stood.code,
            verdict=deciding.verdict(stood),
            retry_after_s=_asked_s(failed),
            was_sent=call.trace.attempts > 0,
        )
        return False

    def pop(self, trace_id: UUID) -> Result | None:
        """Return what stood of a call, None where nothing did."""
        return self._noted.pop(trace_id, None)


def _asked_s(failed: Failed) -> float | None:
    if isinstance(failed.error, Problem):
        return failed.error.retry_after_s
    if failed.standing is None:
        return None
    return limits.wait_s(fold(failed.standing.answering.headers), now=datetime.now(UTC))


class Sending:
    """The gateway of the process that makes held calls."""

    def __init__(self) -> None:
        self.lookup = ReplayLookup()
        self._noting = Noting()
        self.gateway = Gateway(lookup=self.lookup, aftermath=Aftermath([self._noting]))

    async def send(self, call: HeldCall, request: Request, *, slug: str) -> Result:
        """Make the call and return what came of it."""
        text, answer = self.lookup.expect(call), Taken()
        trace = trace_of(call, request, text=text)
        body = CallerBody(BodyOnce(request.body), trace.request_headers)
        try:
            path = MOUNT + slug.encode() + request.rest
            await self.gateway.carry(trace, path, request.query, body=body, send=answer.take)
        except OutboundError:
            pass  # the answer broke off: its head has come, so the call was made
        finally:
            self.lookup.forget(text)
        noted = self._noting.pop(trace.id)
        if noted is not None:
            return replace(noted, answer=answer.whole() if noted.status is not None else None)
        if trace.code == "internal_error":
            return Result(code=trace.code, was_sent=trace.attempts > 0, is_known=False)
        return Result(status=answer.status, answer=answer.whole())


def trace_of(call: HeldCall, request: Request, *, text: str) -> Trace:
    """Return the call as it comes in a second time: with an id of its own, and the first one's key.

    It names the first one in its head, so that the log knows which call it is.
    """
    headers = [*request.headers, (b"x-keylodge-token", text.encode("ascii"))]
    headers.append((FIRST_CALL.encode("ascii"), str(call.pk).encode("ascii")))
    if request.has_body:
        headers.append((b"content-length", b"%d" % len(request.body)))
    trace = Trace(method=request.method, upstream_target=b"", request_headers=headers)
    trace.caller_ip, trace.key_id = call.caller_ip, call.pk
    return trace


@dataclass(slots=True)
class Taken:
    """What came back, up to what is kept."""

    status: int | None = None
    headers: list[tuple[bytes, bytes]] | None = None
    body: bytes = b""
    is_cut: bool = False

    async def take(self, message: MutableMapping[str, Any]) -> None:
        """Accept one message of the answer."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif not self.is_cut:
            self.body += message.get("body", b"")
            self.is_cut = len(self.body) > MOST_ANSWER_BYTES

    def whole(self) -> Answer | None:
        """Return the answer; of one that is too large only its head."""
        if self.status is None or self.headers is None:
            return None
        return Answer(self.status, self.headers, b"" if self.is_cut else self.body)
