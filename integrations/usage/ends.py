"""The beginning and the end of an answer, kept while it passes: there it says what it used. Never the whole of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.limits.reading import fold
from secrets_vault.masking.bodies import decompress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.providers.shape import Provider

HEAD_BYTES = 16 * 1024
TAIL_BYTES = 64 * 1024
PACKED_BYTES = 512 * 1024  # a compressed answer has no end that could be read by itself
JSON, EVENTS = "json", "events"


class Ends:
    """What is kept of one answer: at most 144 KB of a plain one, 512 KB of a compressed one, else nothing."""

    __slots__ = ("_coding", "_head", "_size", "_tail", "form")

    def __init__(self, form: str, coding: str) -> None:
        self.form = form
        self._coding = coding
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._size += len(chunk)
        if self._coding:
            if self._size <= PACKED_BYTES:
                self._head += chunk
            else:
                self._head.clear()
            return
        free = HEAD_BYTES - len(self._head)
        if free > 0:
            self._head += chunk[:free]
            chunk = chunk[free:]
        if chunk:
            self._tail += chunk[-TAIL_BYTES:]
            if len(self._tail) > 2 * TAIL_BYTES:
                del self._tail[:-TAIL_BYTES]

    @property
    def kept_bytes(self) -> int:
        """Return how much of the answer is kept."""
        return len(self._head) + len(self._tail)

    def parts(self) -> tuple[bytes, bytes]:
        """Return beginning and end in the clear; an empty end says that the beginning is all there is."""
        if self._coding:
            return decompress(bytes(self._head), encoding=self._coding), b""
        if len(self._head) + len(self._tail) == self._size:
            return bytes(self._head + self._tail), b""
        return bytes(self._head), bytes(self._tail[-TAIL_BYTES:])


def ends_of(provider: Provider, status: int, headers: Iterable[tuple[bytes, bytes]], *, method: str) -> Ends | None:
    """Return what keeps the ends of an answer, None where it says nothing of use: most providers, every failure."""
    if not provider.metering or not 200 <= status < 300 or method == "HEAD":
        return None
    folded = fold(headers)
    media = folded.get("content-type", "").partition(";")[0].strip().lower()
    form = EVENTS if media == "text/event-stream" else JSON if media.endswith("json") else ""
    coding = folded.get("content-encoding", "").strip().lower()
    return Ends(form, "" if coding == "identity" else coding) if form else None
