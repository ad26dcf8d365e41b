"""The gateway as a plain ASGI application, mounted at /gateway beside Django."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

from integrations.call_log import CallWriter
from integrations.gateway.aftermath import Aftermath
from integrations.gateway.body import CallerBody, CallerGone, Receive
from integrations.gateway.cors import Headers, Preflights
from integrations.gateway.forward import Forwarder, Send
from integrations.gateway.held.keeping import PLACE, Keeping
from integrations.gateway.held.statuses import Statuses
from integrations.gateway.held.writer import HeldWriter
from integrations.gateway.lookup import Lookup
from integrations.gateway.own_headers import own_headers
from integrations.gateway.problems import Problem
from integrations.gateway.refreshing import Refresher
from integrations.gateway.stale.serving import Serving
from integrations.gateway.target import split_path
from integrations.gateway.trace import Trace
from integrations.outbound import Caller, OutboundError
from secrets_vault.masking.known import SHORT, KnownValues

logger = logging.getLogger(__name__)

DRAIN_S = 20.0
PLACE_OF_HELD = PLACE.encode()


class Gateway:
    """The gateway of one web process and one event loop."""

    def __init__(
        self, *, lookup: Lookup | None = None, writer: CallWriter | None = None, aftermath: Aftermath | None = None
    ) -> None:
        self.lookup = lookup or Lookup()
        self.caller = Caller()
        self.refresher = Refresher()
        self.aftermath = aftermath or usual_aftermath(self.lookup)
        self.forwarder = Forwarder(self.lookup, self.caller, refresher=self.refresher, aftermath=self.aftermath)
        self.statuses = Statuses(self.lookup)
        self.preflights = Preflights(self.lookup.origins)
        self.writer = writer or CallWriter()
        self._under_way: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Open the vault and begin to write the call log."""
        await self.lookup.start()
        self.writer.start()

    async def drain(self) -> None:
        """Let the calls under way end, then write what happened and close everything."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=DRAIN_S)
        await self.forwarder.limiter.settled()
        await asyncio.get_running_loop().run_in_executor(None, self.writer.close)
        await self.forwarder.copies.close()
        self.refresher.close()
        self.forwarder.fall_back.close()
        self.caller.close()
        await self.lookup.close()

    async def handle(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request and note it in the call log."""
        headers = list(scope["headers"])
        trace = Trace(method=scope["method"], upstream_target=raw_target(scope), request_headers=headers)
        trace.caller_ip = (scope.get("client") or ("", 0))[0]
        await self.carry(
            trace, raw_path(scope), scope.get("query_string", b""), body=CallerBody(receive, headers), send=send
        )

    async def carry(self, trace: Trace, path: bytes, query: bytes, *, body: CallerBody, send: Send) -> None:
        """Answer one call and note it in the call log."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - an ASGI server always calls from a task
        self._under_way.add(task)
        try:
            if self.writer.is_behind:
                await self.writer.ease()
            await self._answer(trace, path, query, body=body, send=send)
        finally:
            trace.total_s, trace.request_bytes = trace.elapsed_s, body.count
            if trace.route is not None:
                self.writer.put(trace.record())
            self._under_way.discard(task)

    async def _allowed(self, trace: Trace, path: bytes, send: Send) -> bool:
        """Answer a browser's question before a call, where a token allows it; tell whether one does."""
        slug, _ = split_path(path) or ("", b"")
        headers = await self.preflights.answer(slug, trace.request_headers)
        if headers is None:
            return False
        await allow(headers, trace=trace, send=send)
        return True

    async def _answer(self, trace: Trace, path: bytes, query: bytes, *, body: CallerBody, send: Send) -> None:
        try:
            if path.startswith(PLACE_OF_HELD):
                await self.statuses.answer(trace, path, send=send)
                return
            await self.forwarder.forward(trace, path, query, body=body, send=send)
        except Problem as problem:
            if problem.code == "token_missing" and trace.method == "OPTIONS" and await self._allowed(trace, path, send):
                return
            await refuse(problem, trace=trace, send=send)
        except OutboundError as error:
            trace.code = error.code
            if trace.has_begun:
                # The status is gone out already: only a cut connection tells the caller that this is not the end.
                raise
            await refuse(Problem(error.code), trace=trace, send=send)
        except (CallerGone, asyncio.CancelledError) as gone:
            trace.was_cancelled = True
            if isinstance(gone, CallerGone) and not (body.is_read or trace.has_begun):
                # A caller that only stopped writing still reads this; to one that is gone it goes nowhere.
                await refuse(Problem("request_refused"), trace=trace, send=send)
            if isinstance(gone, asyncio.CancelledError):
                raise
        except Exception:  # whatever broke: the caller gets an answer, and the log one line that holds no secret
            trace.code = "internal_error"
            logger.exception("a call broke", extra={"reference": str(trace.id), "covered": said_in(trace)})
            if trace.has_begun:
                raise CutShort from None
            await refuse(Problem("internal_error"), trace=trace, send=send)


def usual_aftermath(lookup: Lookup) -> Aftermath:
    """Return what becomes of the failed calls of callers: the last good answer, else they are kept."""
    keeping = Keeping(HeldWriter(lookup.in_thread))
    return Aftermath([Serving(lookup.in_thread), keeping], beginnings=[keeping])


async def allow(headers: Headers, *, trace: Trace, send: Send) -> None:
    """Send the answer to a browser that asked whether a page may call."""
    trace.status = 204
    said = [*headers, (b"cache-control", b"no-store"), *own_headers(trace, now=trace.at)]
    await send({"type": "http.response.start", "status": 204, "headers": said})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class CutShort(Exception):
    """An answer that had begun ends here. What broke it is in the log; this says nothing of it."""


def said_in(trace: Trace) -> KnownValues:
    """Return what a call has brought and what was to be sent for it: no log line about the call repeats it."""
    credential = trace.route.way.credential if trace.route and trace.route.way else None
    values = {trace.token_text, *(credential.known if credential else ())}
    values |= {value.decode("latin-1") for _, value in trace.request_headers if len(value) >= SHORT}
    return KnownValues(values)


async def refuse(problem: Problem, *, trace: Trace, send: Send) -> None:
    """Send an answer of ours."""
    trace.code, trace.status = problem.code, problem.status
    body = problem.body(str(trace.id))
    headers = [*problem.headers(), *own_headers(trace, now=trace.at), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def raw_path(scope: MutableMapping[str, Any]) -> bytes:
    """Return the path as it was received."""
    return bytes(scope.get("raw_path") or scope["path"].encode("utf-8"))


def raw_target(scope: MutableMapping[str, Any]) -> bytes:
    """Return the path and query as they were received."""
    query = scope.get("query_string", b"")
    return raw_path(scope) + b"?" + query if query else raw_path(scope)


_gateway: Gateway | None = None
_starting: asyncio.Task[Gateway] | None = None


async def start() -> None:
    """Make this process's gateway ready; called before the port opens. Several calls start one."""
    global _gateway, _starting
    if _gateway is None:
        if _starting is None:
            _starting = asyncio.create_task(_started())
        _gateway = await asyncio.shield(_starting)
        _starting = None


async def _started() -> Gateway:
    gateway = Gateway()
    await gateway.start()
    return gateway


async def drain() -> None:
    """End this process's gateway; called after the port is closed."""
    global _gateway
    if _gateway is not None:
        ending, _gateway = _gateway, None
        await ending.drain()


async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer what arrives under /gateway. Everything but HTTP is left unanswered."""
    if scope["type"] != "http":
        return
    if _gateway is None:
        await start()
    if _gateway is not None:
        await _gateway.handle(scope, receive, send)
