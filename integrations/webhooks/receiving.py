"""The body of a request, whole and as it came: nothing is unpacked, decoded or stripped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Headers = tuple[tuple[str, bytes], ...]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

WITHIN_S = 30.0
MOST_AT_ONCE = 256 * 1024 * 1024
FREE = 64 * 1024
LONGEST_LENGTH = 20  # digits: Python refuses to read more than 4300 of them


class SenderGone(Exception):
    """The sender closed the connection before the body was whole."""


class TooLarge(Exception):
    """The body is longer than this endpoint takes."""


class TooSlow(Exception):
    """The body did not arrive in time."""


class NoRoom(Exception):
    """As many bodies are on their way in as this process can hold."""


class NotWhole(Exception):
    """The body is not as long as the sender said."""


class Room:
    """The bytes that the bodies on their way in may take together.

    The beginning of each is free, so that a few who send long ones slowly keep nobody's short one out; the server
    takes only so many requests at once.
    """

    def __init__(self) -> None:
        self.taken = 0

    def take(self, size: int) -> None:
        """Count bytes that arrived; raises NoRoom."""
        if self.taken + size > MOST_AT_ONCE:
            raise NoRoom
        self.taken += size


async def read_body(receive: Receive, headers: Headers, *, most: int, room: Room) -> bytes:
    """Return the whole body, chunked or not. Raises TooLarge as soon as that is known."""
    length = declared_length(headers)
    if length is not None and length > most:
        raise TooLarge
    try:
        async with asyncio.timeout(WITHIN_S):
            body = await _all(receive, most=most, room=room)
    except TimeoutError:
        raise TooSlow from None
    if length is not None and length != len(body):
        raise NotWhole
    return body


async def _all(receive: Receive, *, most: int, room: Room) -> bytes:
    parts, size, held, is_whole = [], 0, 0, False
    try:
        while not is_whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise SenderGone
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                raise TooLarge
            more = max(0, size - FREE) - held
            room.take(more)
            held += more
            parts.append(part)
            is_whole = not message.get("more_body", False)
        return b"".join(parts)
    finally:
        room.taken -= held


def declared_length(headers: Headers) -> int | None:
    """Return Content-Length, or None where there is none; raises NotWhole when it is not one number."""
    found = {value.strip() for name, value in headers if name == "content-length"}
    if not found:
        return None
    text = found.pop()
    if found or not text.isdigit():
        raise NotWhole
    return int(text[:LONGEST_LENGTH])  # a longer one is too large by the digits that are left
