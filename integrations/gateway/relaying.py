"""Sends the upstream's answer on to the caller, as it comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from integrations import limits
from integrations.gateway import inject
from integrations.gateway.attempts import Standing
from integrations.gateway.own_headers import own_headers
from integrations.gateway.route import Way
from integrations.gateway.stale.copying import Copy
from integrations.gateway.trace import Trace
from integrations.usage.ends import ends_of

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def relay(standing: Standing, *, trace: Trace, way: Way, send: Send, copy: Copy | None = None) -> None:
    """Send the upstream's answer on, as it comes; `copy` takes it in for later."""
    answering = standing.answering
    trace.status, trace.response_headers = answering.status, answering.headers
    now = datetime.now(UTC)
    hidden = way.credential.injected.in_url
    headers = [*inject.answer_headers(answering.headers, hidden=hidden), *own_headers(trace, now=now)]
    trace.is_watched = limits.may_be_limit(answering.status, provider=way.provider)
    trace.answer_ends = ends_of(way.provider, answering.status, answering.headers, method=trace.method)
    trace.has_begun = True
    try:
        await send({"type": "http.response.start", "status": answering.status, "headers": headers})
        is_over = False
        while chunk := await standing.next():
            trace.keep_answer(chunk)
            if copy is not None:
                copy.add(chunk)
            is_over = standing.is_over
            if is_over:
                trace.judge_watched(way.provider)
            await send({"type": "http.response.body", "body": chunk, "more_body": not is_over})
        if not is_over:
            trace.judge_watched(way.provider)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        if copy is not None:
            copy.done()
    finally:
        answering.close()
