"""Copies a good answer as it passes, for the callers who asked for it; written in batches, off the request path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError

from integrations.gateway import inject
from integrations.gateway.aftermath import UnderWay
from integrations.gateway.asked import ON_FAILURE
from integrations.gateway.attempts import Standing
from integrations.gateway.route import Way
from integrations.gateway.stale import keeping, rules
from secrets_vault import vault
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

GATHERED_S = 0.2
BATCH = 50
MOST_WAITING_BYTES = 16 * 1024 * 1024

InThread = Callable[..., Awaitable[Any]]


def key_of(call: UnderWay, way: Way) -> bytes:
    """Return the keyed hash of everything that the answer to a call depends on."""
    route, found = call.trace.route, call.found
    assert route is not None and found is not None  # noqa: S101, PT018 - a call that has a way has both
    credential = way.credential
    # A refreshed access token opens the same account, so its version does not count; a new key may open another.
    version = "" if way.access_expires_at is not None else credential.version_id
    whose = (route.connection_id, route.token.id, credential.secret_id, version, route.account, way.origin.base)
    headers = call.trace.request_headers
    text = rules.key_text(whose, target=call.trace.upstream_target, headers=headers, carriers=found.slots)
    return vault.keyed_hash("stored-answer", text)


def is_wanted(call: UnderWay) -> bool:
    """Tell whether a last good answer is: the call's own header says so, or nothing and its token does, of a GET."""
    asked, route = call.asked.cache, call.trace.route
    if asked or route is None or not route.token.serve_stale:
        return asked == ON_FAILURE
    return call.trace.method == "GET"


class Copy:
    """One answer on its way to a caller who asked for it to be kept."""

    __slots__ = ("_call", "_copies", "_headers", "_key", "_parts", "_size")

    def __init__(self, copies: Copies, call: UnderWay, *, key: bytes, headers: rules.Headers) -> None:
        self._copies, self._call, self._key, self._headers = copies, call, key, headers
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Take in a part of the body; nothing more once it is too large."""
        self._size += len(chunk)
        if self._size <= rules.MOST_BODY_BYTES:
            self._parts.append(chunk)
        else:
            self._parts.clear()

    def done(self) -> None:
        """Keep the answer, now that it is whole."""
        route = self._call.trace.route
        if self._size > rules.MOST_BODY_BYTES or route is None or route.connection_id is None:
            return
        token = route.token
        body, now = b"".join(self._parts), datetime.now(UTC)
        self._copies.put(
            keeping.Good(self._key, token.client_id, route.connection_id, token.id, self._headers, body, now)
        )


class Copies:
    """What one process has copied and not written yet."""

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._waiting: list[keeping.Good] = []
        self._bytes = 0
        self._writing: asyncio.Task[None] | None = None

    def of(self, call: UnderWay, way: Way, standing: Standing) -> Copy | None:
        """Return what takes a copy of an answer, None where none was asked for or may be kept; the answer says so."""
        trace, answering = call.trace, standing.answering
        if not is_wanted(call) or answering.status >= 400:
            return None
        why = rules.why_not(trace.method, trace.request_headers, status=answering.status, headers=answering.headers)
        trace.cache = f"not-stored; why={why}" if why else "stored"
        if why:
            return None
        headers = inject.answer_headers(answering.headers, hidden=way.credential.injected.in_url)
        return Copy(self, call, key=key_of(call, way), headers=headers)

    def put(self, answer: keeping.Good) -> None:
        """Have an answer written soon. One too many is not kept: nobody was promised it."""
        if self._bytes + len(answer.body) > MOST_WAITING_BYTES:
            return
        self._waiting.append(answer)
        self._bytes += len(answer.body)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            await asyncio.sleep(GATHERED_S)
            await self._written()
        finally:
            self._writing = None

    async def _written(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self._bytes -= sum(len(answer.body) for answer in batch)
            try:
                await self._in_thread(keeping.keep, batch)
            except (DatabaseError, VaultError) as failed:
                logger.warning("answers not kept: %s", type(failed).__name__)

    async def close(self) -> None:
        """Write what waits."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._written()
