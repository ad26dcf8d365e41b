"""The story of one call: token, connection, limits, credential, upstream, answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from integrations.gateway import carried, cors, inject, target, throttle
from integrations.gateway.aftermath import Aftermath, Failed, UnderWay
from integrations.gateway.asked import asked
from integrations.gateway.attempts import Attempts, Standing
from integrations.gateway.body import CallerBody
from integrations.gateway.breaker import Breaker
from integrations.gateway.bulkhead import Bulkhead
from integrations.gateway.falling_back import FallBack
from integrations.gateway.lookup import Lookup
from integrations.gateway.problems import Problem
from integrations.gateway.quota.known import Asker
from integrations.gateway.quota.limiter import MAX_WAIT_S, Limiter
from integrations.gateway.quota.pace import Pace
from integrations.gateway.refreshing import Refresher
from integrations.gateway.relaying import relay
from integrations.gateway.route import Route, Way
from integrations.gateway.stale.copying import Copies
from integrations.gateway.trace import Trace
from integrations.gateway.watching import EndedWithCaller, Watch
from integrations.outbound import Caller, OutboundError
from integrations.outbound.call import Body, Upload
from integrations.providers.parts import TOKEN_KINDS

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


# TRACE has an upstream read the request back to the caller, the client's credential included (RFC 9110 section
# 9.3.8); CONNECT asks for a tunnel.
NEVER_FORWARDED = frozenset({"TRACE", "CONNECT"})


class Forwarder:
    """What the calls of one process share."""

    def __init__(
        self, lookup: Lookup, caller: Caller, *, refresher: Refresher, aftermath: Aftermath | None = None
    ) -> None:
        self.lookup = lookup
        self.aftermath = aftermath or Aftermath()
        self.refresher = refresher
        self.fall_back = FallBack()
        self.caller = caller
        self.throttle = throttle.Throttle(lookup.in_thread)
        self.copies = Copies(lookup.in_thread)
        self.breaker = Breaker(lookup.outages, lookup.in_thread)
        self.limiter = Limiter(lookup.in_thread)
        self.bulkhead = Bulkhead(throttle.Blocks(lookup.in_thread))
        self.watch = Watch()

    async def forward(self, trace: Trace, raw_path: bytes, query: bytes, *, body: CallerBody, send: Send) -> None:
        """Make one call; raises Problem or OutboundError before an answer has begun."""
        call = UnderWay(trace, body, query)
        try:
            await self._made(call, raw_path, send=send)
        except (Problem, OutboundError) as error:
            if trace.has_begun or not await self.aftermath.after(call, Failed(error), send=send):
                raise
        finally:
            if call.release is not None:
                call.release()

    async def _made(self, call: UnderWay, raw_path: bytes, *, send: Send) -> None:
        trace = call.trace
        slug, rest = target.split_path(raw_path) or ("", b"")
        found = call.found = carried.find_token(trace.request_headers, call.query, rest)
        trace.token_text, call.rest = found.text, found.without_segment(rest)
        route = trace.route = await self.lookup.route(found.text, slug)
        if route.token.origins:
            trace.cors = cors.allowed(route.token.origins, trace.request_headers)
        trace.upstream_target = target.joined(shown_base(route.way), call.rest, call.query)
        call.asked = asked(trace.request_headers)
        if call.asked.callback:  # an address may be all that guards its door: the log of a failure does not show it
            trace.signatures.append(call.asked.callback)
        try:
            way = judged(route, found, trace=trace, rest=call.rest)
        except Problem as problem:
            way = await self._with_first_token(problem, route, trace, found, rest=call.rest)
        if await self.aftermath.before(call, send=send):
            return
        if self.breaker.refuses_all(way.origin, route.connection_id):
            raise self.breaker.refusal(way.origin)  # here already: a refused call waits in no line
        if route.token.is_counted:
            await self.throttle.take(route.token)
        call.is_counted = True
        if way.access_expires_at is not None:
            way = await self._with_living_token(trace, way)
        content = await call.body.first(call.most_body_bytes)
        trace.request_body = call.body.kept
        places, budget = self.bulkhead.of(route.connection_id)
        pace = self._pace(call, way)
        async with EndedWithCaller(call.body, self.watch), pace:
            way = await self._in_its_turn(trace, way, found, rest=call.rest, pace=pace)
            async with places:
                gate = await self.breaker.admit(way.origin, route.connection_id)
                budget.called(time.monotonic())
                attempts = call.attempts = self._attempts(call, way, found, content=content, pace=pace)
                standing = await attempts.until_one_stands(budget, gate)
                if standing.answering.status >= 400 and await self._ended_otherwise(call, standing, send=send):
                    return
                # The way of the attempt that stands: what hides a credential must know the one that was sent.
                copy = self.copies.of(call, attempts.way, standing)
                await relay(standing, trace=trace, way=attempts.way, send=send, copy=copy)
                if trace.is_limit and standing.answering.status < 400:
                    pace.heard_in_body()

    def _pace(self, call: UnderWay, way: Way) -> Pace:
        """Return what the call still may wait for the provider's limits."""
        trace, max_wait_s = call.trace, call.asked.max_wait_s
        if max_wait_s is None and trace.route is not None:
            max_wait_s = trace.route.token.max_wait_s
        token_id = trace.route.token.id if trace.route else way.whose.connection_id
        asker = Asker(way.whose, token_id, trace.method.upper(), call.rest, way.limits, way.line)
        return Pace(self.limiter, asker, trace, MAX_WAIT_S if max_wait_s is None else max_wait_s)

    def _attempts(self, call: UnderWay, way: Way, found: carried.Carried, *, content: Body, pace: Pace) -> Attempts:
        trace = call.trace
        return Attempts(
            self.caller,
            trace,
            way,
            partition=way.partition,
            carriers=found.slots,
            rest=call.rest,
            query=call.query,
            body=content,
            is_body_kept=not isinstance(content, Upload),
            renewed=lambda tried: self._renewed(trace, tried),
            pace=pace,
        )

    async def _ended_otherwise(self, call: UnderWay, standing: Standing, *, send: Send) -> bool:
        """Tell whether the caller got another answer than the upstream's, which then ends here."""
        try:
            is_answered = await self.aftermath.after(call, Failed(standing=standing), send=send)
        except BaseException:
            standing.answering.close()
            raise
        if is_answered:
            standing.answering.close()
        return is_answered

    async def _with_first_token(
        self, problem: Problem, route: Route, trace: Trace, found: carried.Carried, *, rest: bytes
    ) -> Way:
        """Return the way of a machine's connection whose first token is asked for now; else raise the problem."""
        if not route.lacks_token or problem.code != route.problem or route.connection_id is None:
            raise problem
        await self.refresher.before_the_call(route.connection_id, seen=None)
        trace.route = await self.lookup.route(trace.token_text, route.slug)
        return judged(trace.route, found, trace=trace, rest=rest)

    async def _in_its_turn(self, trace: Trace, way: Way, found: carried.Carried, *, rest: bytes, pace: Pace) -> Way:
        """Wait for the token's turn and for the provider's limits.

        What was true before a wait is asked again: the token may be revoked by now.
        """
        if trace.route is None:
            return way
        token = trace.route.token
        has_waited = token.min_gap_s is not None and await self.throttle.wait_for_turn(token)
        if not (await pace.ready() or has_waited):
            return way
        trace.route = await self.lookup.route(trace.token_text, trace.route.slug)
        return await self._with_living_token(trace, judged(trace.route, found, trace=trace, rest=rest))

    async def _with_living_token(self, trace: Trace, way: Way) -> Way:
        """Return the way with an access token that has not ended."""
        route = trace.route
        if route is None or route.connection_id is None or way.access_expires_at is None:
            return way
        if way.access_expires_at > datetime.now(UTC):
            return way
        await self.refresher.before_the_call(route.connection_id, seen=way.credential.version_id)
        return await self._looked_up_again(trace) or way

    async def _renewed(self, trace: Trace, way: Way) -> Way | None:
        """Return the way with another credential than the one just refused, or None.

        A newer access token; or, while a rotation lets both live, the key that was in use before.
        """
        route = trace.route
        if route is None or route.connection_id is None:
            return None
        if route.kind not in TOKEN_KINDS:
            return await self.fall_back.way(trace, way)
        if not await self.refresher.after_401(route.connection_id, seen=way.credential.version_id):
            return None
        return await self._looked_up_again(trace)

    async def _looked_up_again(self, trace: Trace) -> Way | None:
        if trace.route is None:
            return None
        trace.route = await self.lookup.route(trace.token_text, trace.route.slug)
        return trace.route.way


def judged(route: Route, found: carried.Carried, *, trace: Trace, rest: bytes) -> Way:
    """Return the way of a call that this token may make on this connection; raises Problem."""
    if not found.is_where_it_may_be(route.own_slot):
        raise Problem("token_missing")
    throttle.check_address(route.token, trace.caller_ip)
    if route.problem == "connection_not_found":
        raise Problem(route.problem)
    if target.is_refused(rest):
        raise Problem("path_refused")
    token = route.token
    if token.is_paused:  # not "paused": what a paused connection refuses may be kept, and then goes by itself
        raise Problem("token_paused")
    if trace.method.upper() in NEVER_FORWARDED:
        raise Problem("not_allowed")
    if (token.methods and trace.method.upper() not in token.methods) or not target.is_allowed(rest, token.paths):
        raise Problem("not_allowed")
    if route.way is None:
        raise Problem(route.problem)
    if route.stopped_until is not None and route.stopped_until > (now := datetime.now(UTC)):
        raise Problem("budget_reached", retry_after_s=(route.stopped_until - now).total_seconds())
    return route.way


def shown_base(way: Way | None) -> bytes:
    """Return what the log shows before the caller's path."""
    return inject.shown_path(way.base_path, way.credential.injected) if way else b""
