"""Sends requests to targets, many at once, from an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from integrations.limits.units import retry_after_s
from integrations.outbound import Answering, BodyTooLarge, Caller, Dialler, OutboundError, split_url
from integrations.outbound.call import Deadline
from integrations.webhooks.outcome import Outcome
from integrations.webhooks.outgoing import Outgoing

MOST_ANSWER_BYTES = 256 * 1024
ANSWER_S = 2.0


class Sender:
    """An event loop with the connections it keeps; two targets never share one."""

    def __init__(self, *, dialler: Dialler | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._caller = Caller(dialler=dialler)
        self._thread = threading.Thread(target=self._loop.run_forever, name="webhook-sender", daemon=True)
        self._thread.start()

    def send(self, request: Outgoing, *, allowed: frozenset[str]) -> Future[Outcome]:
        """Begin to send; the future has the outcome by the request's deadline and never raises OutboundError."""
        return asyncio.run_coroutine_threadsafe(send(self._caller, request, allowed=allowed), self._loop)

    def close(self) -> None:
        """Cancel what is under way, close every connection and end the thread."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)
        self._loop.close()

    async def _end(self) -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self._caller.close()


async def send(caller: Caller, request: Outgoing, *, allowed: frozenset[str]) -> Outcome:
    """Send one request. A redirect is an answer like any other; the body of the answer is thrown away."""
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(request.deadline_s + ANSWER_S):
            answering = await _answer(caller, request, allowed=allowed)
    except TimeoutError:
        return Outcome(error="upstream_timeout", ms=_ms(began_s))
    except OutboundError as failed:
        return Outcome(error=failed.code, ms=_ms(began_s))
    ms = _ms(began_s)
    await _thrown_away(answering)
    return Outcome(
        status=answering.status,
        ms=ms,
        response_head=tuple(answering.headers),
        retry_after_s=_wait_asked_for(answering),
    )


def _answer(caller: Caller, request: Outgoing, *, allowed: frozenset[str]) -> Coroutine[Any, Any, Answering]:
    origin, target = split_url(request.url.expose())
    return caller.request(
        request.method,
        origin,
        target=target,
        headers=request.headers,
        body=request.body,
        deadline=Deadline(request.deadline_s),
        allowed=allowed,
        partition=request.partition,
    )


async def _thrown_away(answering: Answering) -> None:
    """Read a short body, so that the connection serves again. Whatever goes wrong, the answer was given."""
    try:
        async with asyncio.timeout(ANSWER_S):
            await answering.read(MOST_ANSWER_BYTES, BodyTooLarge)
    except (OutboundError, TimeoutError):
        answering.close()


def _wait_asked_for(answering: Answering) -> float | None:
    if answering.status != 429 and answering.status < 500:
        return None
    asked = next((value for name, value in answering.headers if name.lower() == b"retry-after"), None)
    return retry_after_s(asked.decode("latin-1"), now=datetime.now(UTC)) if asked is not None else None


def _ms(began_s: float) -> float:
    return round((time.monotonic() - began_s) * 1000, 1)
