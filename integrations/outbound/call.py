"""One call: writes the head byte for byte, streams both ways, and ends by its deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from integrations.outbound.dial import Dialler
from integrations.outbound.errors import OutboundError, Unreachable, UpstreamTimeout
from integrations.outbound.head import AnswerHead, written_head
from integrations.outbound.origin import Origin
from integrations.outbound.pool import Pool, PoolKey
from integrations.outbound.wire import Wire

# A body may take longer than the deadline only while it moves at this pace: an upload or download of
# any size passes, a drip does not.
MIN_BYTES_PER_S = 16 * 1024
SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})  # RFC 9110 section 9.2.2

Headers = Sequence[tuple[bytes, bytes]]


class Deadline:
    """When a call must have ended, on the monotonic clock; moves on with every byte that passes."""

    __slots__ = ("at",)

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def moved(self, count: int) -> None:
        """Grant the time that `count` bytes need at the slowest pace we accept."""
        self.at += count / MIN_BYTES_PER_S

    @property
    def left_s(self) -> float:
        """Return the seconds left, never below 0."""
        return max(0.0, self.at - time.monotonic())


@dataclass(slots=True)
class Upload:
    """A body that is not kept: its chunks, once, and its length where the caller told it."""

    chunks: AsyncIterator[bytes]
    length: int | None = None


Body = bytes | Upload | None


class Caller:
    """Makes calls on one event loop. Follows no redirect, keeps no cookie, decodes nothing, reads no proxy setting."""

    def __init__(self, *, dialler: Dialler | None = None, pool: Pool | None = None) -> None:
        self._dialler = dialler or Dialler()
        self._pool = pool or Pool()

    async def request(
        self,
        method: bytes,
        origin: Origin,
        *,
        target: bytes,
        headers: Headers,
        body: Body,
        deadline: Deadline,
        allowed: frozenset[str] = frozenset(),
        partition: str = "",
    ) -> Answering:
        """Send one request and return its answer as soon as the head is there; raises OutboundError.

        `headers` go out as they are, after Host and before the framing, which is ours. `allowed` names
        the hosts that may be private. Connections are only reused within one `partition`, and one to a
        host that may be private only while it may.
        """
        head = written_head(method, origin, target=target, headers=headers, framing=_framing(body))
        key = (partition, origin, origin.is_named_by(allowed))
        is_repeatable = method in SAFE_METHODS and not isinstance(body, Upload)
        kept = self._pool.take(key, is_repeatable=is_repeatable)
        if kept is not None:
            wire, opened_at = kept
            try:
                return await _Exchange(self._pool, key, wire, opened_at, deadline).run(method, head, body)
            except Unreachable:
                # The upstream closed a connection it had left open. A safe call goes out once more, freshly.
                if not is_repeatable:
                    raise
        wire, opened_at = await self._dial(origin, deadline=deadline, allowed=allowed), time.monotonic()
        return await _Exchange(self._pool, key, wire, opened_at, deadline).run(method, head, body)

    async def _dial(self, origin: Origin, *, deadline: Deadline, allowed: frozenset[str]) -> Wire:
        try:
            async with asyncio.timeout_at(deadline.at):
                return await self._dialler.open(origin, allowed=allowed)
        except TimeoutError as error:
            raise UpstreamTimeout("no connection by the deadline") from error

    def close(self) -> None:
        """Close every idle connection."""
        self._pool.close()


def _framing(body: Body) -> Headers:
    if body is None:
        return ()
    length = body.length if isinstance(body, Upload) else len(body)
    if length is None:
        return ((b"Transfer-Encoding", b"chunked"),)
    return ((b"Content-Length", b"%d" % length),)


class _Exchange:
    """One request and answer on one connection."""

    __slots__ = ("deadline", "key", "opened_at", "pool", "pump", "wire")

    def __init__(self, pool: Pool, key: PoolKey, wire: Wire, opened_at: float, deadline: Deadline) -> None:
        self.pool, self.key, self.wire, self.opened_at = pool, key, wire, opened_at
        self.deadline = deadline
        self.pump: asyncio.Task[None] | None = None

    async def run(self, method: bytes, head: bytes, body: Body) -> Answering:
        """Write, and return the answer once its head is checked. Whatever fails closes the connection."""
        wire = self.wire
        try:
            wire.begin(is_head_only=method == b"HEAD")
            if isinstance(body, Upload):
                wire.write(head)
                self.pump = asyncio.create_task(self._pumped(body))
                self.pump.add_done_callback(self._pump_ended)
            else:
                wire.write(head + body if body else head)
            return Answering(await wire.head(self.deadline), self)
        except BaseException:
            self.drop()
            raise

    async def _pumped(self, body: Upload) -> None:
        """Send the chunks as they come. An upstream that stops reading may still answer, so that is no error."""
        sent = 0
        async for chunk in body.chunks:
            if not chunk:
                continue
            sent += len(chunk)
            if not await self._written(chunk if body.length is not None else b"%x\r\n%b\r\n" % (len(chunk), chunk)):
                return
            self.deadline.moved(len(chunk))
        if body.length is None:
            await self._written(b"0\r\n\r\n")
        elif sent != body.length:
            self.wire.abort()

    def _pump_ended(self, pump: asyncio.Task[None]) -> None:
        """Tell whoever waits for the answer that the caller's body broke off."""
        if not pump.cancelled() and (error := pump.exception()) is not None:
            self.wire.fail(error)

    async def _written(self, data: bytes) -> bool:
        try:
            self.wire.write(data)
        except Unreachable:
            return False
        return await self.wire.drain()

    def finish(self) -> None:
        """Give the connection back after the whole answer was read."""
        if self.pump is not None and not self.pump.done():
            self.drop()
        else:
            self.wire.rest()
            self.pool.put(self.key, self.wire, opened_at=self.opened_at)

    def drop(self) -> None:
        """Close the connection and stop the upload."""
        if self.pump is not None:
            self.pump.cancel()
        self.wire.abort()


class Answering:
    """An answer whose body has yet to come. Read it to the end, or call `close()`.

    `names` are those of the headers in lower case.
    """

    __slots__ = ("_exchange", "_handed_over_at", "_wire", "headers", "names", "status")

    def __init__(self, head: AnswerHead, exchange: _Exchange) -> None:
        self.status, self.headers, self.names = head.status, head.headers, head.names
        self._wire = exchange.wire
        self._exchange: _Exchange | None = exchange
        self._handed_over_at = 0.0

    async def next(self) -> bytes:
        """Return the next part of the body as it arrives, and b"" after the last.

        Raises InvalidAnswer when it is cut short, UpstreamTimeout at the deadline. Time that the reader takes with a
        part does not count against the upstream.
        """
        exchange = self._exchange
        if exchange is None:
            return b""
        deadline, wire = exchange.deadline, exchange.wire
        if self._handed_over_at:
            deadline.at += time.monotonic() - self._handed_over_at
        try:
            data = wire.take() or await wire.more(deadline)
        except BaseException:
            self.close()
            raise
        if data:
            deadline.moved(len(data))
            self._handed_over_at = time.monotonic()
        else:
            exchange.finish()
            self._exchange = None
        return data

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body; raises as `next`."""
        try:
            while data := await self.next():
                yield data
        finally:
            self.close()

    @property
    def is_over(self) -> bool:
        """Tell whether the whole body has come and was read."""
        return self._wire.is_over and not self._wire.holds_body

    async def read(self, max_bytes: int, error: type[OutboundError]) -> bytes:
        """Return the whole body; raises `error` above `max_bytes`."""
        kept = bytearray()
        async for chunk in self.chunks():
            kept += chunk
            if len(kept) > max_bytes:
                self.close()
                raise error("the answer is too large", was_sent=True)
        return bytes(kept)

    def close(self) -> None:
        """Give up the rest of the body."""
        if self._exchange is not None:
            self._exchange.drop()
            self._exchange = None
