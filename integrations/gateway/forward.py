"""The story of one call: token, connection, limits, credential, upstream, answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from integrations import limits
from integrations.gateway import carried, inject, target, throttle
from integrations.gateway.attempts import Attempts, Standing
from integrations.gateway.body import CallerBody, CallerGone
from integrations.gateway.bulkhead import Bulkhead
from integrations.gateway.falling_back import FallBack
from integrations.gateway.lookup import Lookup
from integrations.gateway.problems import Problem
from integrations.gateway.refreshing import Refresher
from integrations.gateway.route import Route, Way
from integrations.gateway.trace import Trace
from integrations.limits import Reading
from integrations.outbound import Caller
from integrations.outbound.call import Upload
from integrations.providers.parts import TOKEN_KINDS

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


# TRACE has an upstream read the request back to the caller, the client's credential included (RFC 9110 section
# 9.3.8); CONNECT asks for a tunnel.
NEVER_FORWARDED = frozenset({"TRACE", "CONNECT"})
WATCHED_AFTER_S = 0.25


class Forwarder:
    """What the calls of one process share."""

    def __init__(self, lookup: Lookup, caller: Caller, *, refresher: Refresher) -> None:
        self.lookup = lookup
        self.refresher = refresher
        self.fall_back = FallBack()
        self.caller = caller
        self.throttle = throttle.Throttle(lookup.in_thread)
        self.bulkhead = Bulkhead()

    async def forward(self, trace: Trace, raw_path: bytes, query: bytes, *, body: CallerBody, send: Send) -> None:
        """Make one call; raises Problem or OutboundError before an answer has begun."""
        slug, rest = target.split_path(raw_path) or ("", b"")
        found = carried.find_token(trace.request_headers, query, rest)
        trace.token_text, rest = found.text, found.without_segment(rest)
        route = trace.route = await self.lookup.route(found.text, slug)
        trace.upstream_target = target.joined(shown_base(route.way), rest, query)
        way = await self._judged(trace, found, rest=rest)
        await self.throttle.take(route.token)
        way = await self._with_living_token(trace, way)
        content = await body.first()
        trace.request_body = body.kept
        places, budget = self.bulkhead.of(route.connection_id)
        async with EndedWithCaller(body):
            way = await self._in_its_turn(trace, way, found, rest=rest)
            async with places:
                budget.called(time.monotonic())
                attempts = Attempts(
                    self.caller,
                    trace,
                    way,
                    partition=str(route.connection_id),
                    carriers=found.slots,
                    rest=rest,
                    query=query,
                    body=content,
                    is_body_kept=not isinstance(content, Upload),
                    renewed=lambda tried: self._renewed(trace, tried),
                )
                standing = await attempts.until_one_stands(budget)
                # The way of the attempt that stands: what hides a credential must know the one that was sent.
                await relay(standing, trace=trace, way=attempts.way, send=send)

    async def _judged(self, trace: Trace, found: carried.Carried, *, rest: bytes) -> Way:
        """Return the way of an allowed call; the first token of a machine's connection is asked for now."""
        route = trace.route
        assert route is not None  # noqa: S101 - for the type checker; it was looked up just now
        try:
            return judged(route, found, trace=trace, rest=rest)
        except Problem as problem:
            if not route.lacks_token or problem.code != route.problem or route.connection_id is None:
                raise
        await self.refresher.before_the_call(route.connection_id, seen=None)
        trace.route = await self.lookup.route(trace.token_text, route.slug)
        return judged(trace.route, found, trace=trace, rest=rest)

    async def _in_its_turn(self, trace: Trace, way: Way, found: carried.Carried, *, rest: bytes) -> Way:
        """Wait for the token's turn. What was true before a wait is asked again: the token may be revoked by now."""
        if trace.route is None or not await self.throttle.wait_for_turn(trace.route.token):
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
    if trace.method.upper() in NEVER_FORWARDED:
        raise Problem("not_allowed")
    if (token.methods and trace.method.upper() not in token.methods) or not target.is_allowed(rest, token.paths):
        raise Problem("not_allowed")
    if route.way is None:
        raise Problem(route.problem)
    return route.way


def shown_base(way: Way | None) -> bytes:
    """Return what the log shows before the caller's path."""
    return inject.shown_path(way.base_path, way.credential.injected) if way else b""


class EndedWithCaller:
    """Cancels what runs inside when the caller goes away; then CallerGone is raised.

    A body that is still coming watches the caller by itself. A call that is over in a quarter of a second is not
    watched: listening for a caller who stays costs more than such a call can still save upstream.
    """

    __slots__ = ("_begin", "_body", "_is_over", "_task", "_watcher")

    def __init__(self, body: CallerBody) -> None:
        self._body = body
        self._is_over = False
        self._begin: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        if self._body.is_read:
            self._begin = asyncio.get_running_loop().call_later(WATCHED_AFTER_S, self._watch)

    def _watch(self) -> None:
        self._watcher = asyncio.create_task(self._body.gone())
        self._watcher.add_done_callback(self._leave)

    def _leave(self, watcher: asyncio.Task[None]) -> None:
        if not watcher.cancelled() and not self._is_over and self._task is not None:
            self._task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        watcher, self._is_over = self._watcher, True
        has_left = watcher is not None and watcher.done() and not watcher.cancelled()
        if self._begin is not None:
            self._begin.cancel()
        if watcher is not None:
            watcher.cancel()
        if isinstance(error, asyncio.CancelledError) and has_left and self._task and self._task.uncancel() == 0:
            raise CallerGone from None


async def relay(standing: Standing, *, trace: Trace, way: Way, send: Send) -> None:
    """Send the upstream's answer on, as it comes."""
    answering = standing.answering
    trace.status, trace.response_headers = answering.status, answering.headers
    now = datetime.now(UTC)
    trace.readings = limits.read_limits(answering.headers, status=answering.status, now=now, provider=way.provider)
    hidden = way.credential.injected.in_url
    headers = [*inject.answer_headers(answering.headers, hidden=hidden), *own_headers(trace, now=now)]
    trace.is_watched = limits.may_be_limit(answering.status, provider=way.provider)
    trace.has_begun = True
    try:
        await send({"type": "http.response.start", "status": answering.status, "headers": headers})
        is_over = False
        async for chunk in standing.body():
            trace.keep_answer(chunk)
            is_over = standing.is_over
            if is_over:
                trace.judge_watched(way.provider)
            await send({"type": "http.response.body", "body": chunk, "more_body": not is_over})
        if not is_over:
            trace.judge_watched(way.provider)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        answering.close()


def own_headers(trace: Trace, *, now: datetime) -> Headers:
    """Return the headers that every answer of the gateway carries, and the tightest limit when one is known."""
    headers = [
        (b"x-keylodge-request-id", str(trace.id).encode()),
        (b"x-keylodge-attempts", b"%d" % trace.attempts),
    ]
    reading = tightest(trace.readings)
    if reading is None:
        return headers
    if reading.limit is not None:
        headers.append((b"x-keylodge-ratelimit-limit", b"%d" % reading.limit))
    if reading.remaining is not None:
        headers.append((b"x-keylodge-ratelimit-remaining", b"%d" % reading.remaining))
    if reading.resets_at is not None:
        left_s = max(0, round((reading.resets_at - now).total_seconds()))
        headers.append((b"x-keylodge-ratelimit-reset", b"%d" % left_s))
    return headers


def tightest(readings: list[Reading]) -> Reading | None:
    """Return the reading with the smallest share left."""

    def share(reading: Reading) -> float:
        if reading.remaining is None:
            return 2.0
        return reading.remaining / reading.limit if reading.limit else float(reading.remaining > 0)

    return min(readings, key=share, default=None)
