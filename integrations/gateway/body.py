"""The caller's body: kept whole when small, so that it can be sent again; else passed on as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from integrations.gateway.problems import Problem
from integrations.gateway.retry import KEPT_BODY_BYTES
from integrations.outbound.call import Body, Upload

Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class CallerGone(Exception):
    """The caller closed the connection."""


class CallerBody:
    """Reads the body of one request."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._length = declared_length(headers)
        self._is_chunked = any(len(name) == 17 and name.lower() == b"transfer-encoding" for name, _ in headers)
        self.is_begun = False
        self._content: Body = None
        self.kept = b""
        self.count = 0
        self.is_read = False

    async def first(self, most: int = KEPT_BODY_BYTES) -> Body:
        """Return what to send: nothing, the whole body of up to `most` bytes, or an Upload that has only begun.

        Asked again, it returns the same.
        """
        if not self.is_begun:
            self.is_begun = True
            self._content = await self._begun(most)
        return self._content

    async def _begun(self, most: int) -> Body:
        if self._length is None and not self._is_chunked:
            self.is_read = True
            return None
        parts, size = [], 0
        async for part in self._parts():
            parts.append(part)
            size += len(part)
            if size > most:
                break
        self.kept = b"".join(parts)
        if self.is_read:
            self._check_length()
            return self.kept
        return Upload(self._rest(), self._length)

    @property
    def length(self) -> int | None:
        """Return how long the caller says the body is, None where it does not."""
        return self._length

    @property
    def is_there(self) -> bool:
        """Tell whether the request has a body, if only an empty one."""
        return self._length is not None or self._is_chunked

    @property
    def is_kept(self) -> bool:
        """Tell whether the body can be sent a second time."""
        return self.is_read and self.count == len(self.kept)

    def _check_length(self) -> None:
        if self._length is not None and self._length != self.count:
            raise Problem("request_refused")

    async def _rest(self) -> AsyncIterator[bytes]:
        yield self.kept
        async for part in self._parts():
            yield part

    async def _parts(self) -> AsyncIterator[bytes]:
        while not self.is_read:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CallerGone
            self.is_read = not message.get("more_body", False)
            part = message.get("body", b"")
            self.count += len(part)
            if part:
                yield part

    async def gone(self) -> None:
        """Return when the caller has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


class BodyOnce:
    """The receive of a call that begins here: its body, then a caller who stays."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body

    async def __call__(self) -> MutableMapping[str, Any]:
        """Return the next message."""
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def declared_length(headers: Headers) -> int | None:
    """Return Content-Length, or None; raises Problem when it is not one number."""
    found = {value.strip() for name, value in headers if len(name) == 14 and name.lower() == b"content-length"}
    if not found:
        return None
    text = found.pop()
    if found or not text.isdigit():
        raise Problem("request_refused")
    return int(text)
