"""One connection to an upstream: writes bytes, and reads answers with llhttp, one exchange after the other.

The parser is llhttp, which Node.js reads HTTP with, at its strict settings. What it hands over is kept as it came:
names in their case, values without the blanks around them, a body packed as it is.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from integrations.outbound.errors import InvalidAnswer, OutboundError, Unreachable, UpstreamTimeout
from integrations.outbound.head import MAX_HEAD_BYTES, MAX_HEADERS, AnswerHead

# Read ahead of whoever takes the body: above the first we stop reading, below the second we go on.
MOST_AHEAD = 128 * 1024
LITTLE_AHEAD = 32 * 1024
SWITCHING_PROTOCOLS = 101


class Clock(Protocol):
    """When waiting must end."""

    at: float

    @property
    def left_s(self) -> float:
        """Return the seconds left, never below 0."""


class Wire(asyncio.Protocol):
    """A connection. After `begin` comes one answer: its `head`, then `take` and `more` until `is_over`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: Clock | None = None
        self._late = ""
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._drained: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._is_lost = self._is_spoilt = self._is_full = self._is_paused = False
        self._is_busy, self._is_head_only = False, False
        self._reset()

    def _reset(self) -> None:
        self._head: AnswerHead | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._ahead = self._head_bytes = 0
        self.is_over = False

    # What the loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Read an answer. What comes without a question, or after its answer, makes the connection unusable."""
        if self._is_spoilt:  # the loop hands over megabytes before anybody has closed: the parser would keep them all
            return
        if not self._is_busy or self.is_over:
            self._spoil()
            return
        if self._head is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail(InvalidAnswer("the answer changes the protocol", was_sent=True))
        except HttpParserError as error:
            if self.is_over:  # what follows a whole answer is nobody's: the answer stands, the connection ends with it
                self._spoil()
            else:
                self._fail(self._unreadable(error))
        if self._head is None and self._head_bytes > 2 * MAX_HEAD_BYTES:
            self._fail(InvalidAnswer("the head of the answer is too large", was_sent=True))
        self._wake()

    def _unreadable(self, error: HttpParserError) -> OutboundError:
        cause = error.__context__
        if isinstance(cause, OutboundError):
            return cause
        return InvalidAnswer("the answer is not HTTP", was_sent=True)

    def eof_received(self) -> None:
        """Close; `connection_lost` judges what came."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End an answer that ends with its connection (RFC 9112 section 6.3); any other is cut short."""
        self._is_lost = True
        self._silence()
        if self._is_busy and not self.is_over:
            if self._head is None:
                self._fail(Unreachable("the connection broke before an answer", was_sent=True))
            elif exc is None and self._head.ends_with_connection:
                self.is_over = True
            else:
                self._fail(InvalidAnswer("the body was cut short", was_sent=True))
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Let uploads wait."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Let uploads go on."""
        self._is_full = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # What the parser tells us

    def on_message_begin(self) -> None:
        """Note a second answer to one question."""
        self._is_spoilt = self._is_spoilt or self.is_over

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. One that follows a body (a trailer) is left out."""
        if self._head is None and not self._is_spoilt:
            self._headers.append(
                (name, value.rstrip(b" \t"))
            )  # blanks before a value llhttp leaves out, those after it not
            if len(self._headers) > MAX_HEADERS:
                raise InvalidAnswer("the head of the answer is too large", was_sent=True)

    def on_headers_complete(self) -> None:
        """Judge the head. An interim answer (RFC 9110 section 15.2) is passed over."""
        status = self._parser.get_status_code()
        if self._is_spoilt:
            return
        if 100 <= status < 200 and status != SWITCHING_PROTOCOLS:
            self._headers, self._head_bytes = [], 0
            return
        head = AnswerHead(status, self._headers, keeps_alive=self._parser.should_keep_alive())
        head.check()
        self._head = head
        if self._is_head_only:
            self.is_over = True
            self._parser = HttpResponseParser(self)  # the old one waits for a body that a HEAD never has

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body, and stop reading when nobody takes it."""
        if self._is_spoilt or self.is_over:
            return
        self._body.append(data)
        self._ahead += len(data)
        if self._ahead > MOST_AHEAD and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """End the answer."""
        if self._head is not None:
            self.is_over = True

    # What a call asks

    def begin(self, *, is_head_only: bool) -> None:
        """Begin an exchange. `is_head_only`: the answer to a HEAD says a length and has no body."""
        self._reset()
        self._error = None
        self._is_busy, self._is_head_only = True, is_head_only

    def write(self, data: bytes) -> None:
        """Send bytes; raises Unreachable when the connection is gone."""
        if self._transport is None or self._is_lost:
            raise Unreachable("the connection was closed", was_sent=True)
        self._transport.write(data)

    async def drain(self) -> bool:
        """Wait until more may be sent; tell whether it still can."""
        if self._is_full and not self._is_lost:
            self._drained = self._loop.create_future()
            await self._drained
        return not self._is_lost

    async def head(self, deadline: Clock) -> AnswerHead:
        """Return the answer's head; raises OutboundError."""
        while self._head is None:
            if self._error is not None:
                raise self._error
            await self._told(deadline, late="no answer by the deadline")
        return self._head

    def take(self) -> bytes:
        """Return what of the body has come and was not taken, and go on reading."""
        if not self._body:
            return b""
        data = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body, self._ahead = [], 0
        if self._is_paused and self._transport is not None and not self._is_lost:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    @property
    def holds_body(self) -> bool:
        """Tell whether a part of the body has come and was not taken."""
        return bool(self._body)

    async def more(self, deadline: Clock) -> bytes:
        """Return the next part of the body, empty at its end; raises OutboundError."""
        while not self._body and not self.is_over:
            if self._error is not None:
                raise self._error
            await self._told(deadline, late="the body did not end by the deadline")
        return self.take()

    async def _told(self, deadline: Clock, *, late: str) -> None:
        """Wait for anything new. The deadline may move on meanwhile.

        The alarm of an earlier wait is left to ring, and then sees what is waited for: setting one and taking it
        back with every call costs more than one that rings for nothing.
        """
        self._waiter = waiter = self._loop.create_future()
        self._deadline, self._late = deadline, late
        if self._alarm is None or deadline.at < self._alarm_at:
            self._set_alarm(deadline.at)
        try:
            await waiter
        finally:
            self._waiter = None

    def _set_alarm(self, at: float) -> None:
        self._silence()
        self._alarm, self._alarm_at = self._loop.call_at(at, self._rings), at

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _rings(self) -> None:
        """End a wait whose deadline is over."""
        self._alarm, waiter, deadline = None, self._waiter, self._deadline
        if waiter is None or waiter.done() or deadline is None:
            return
        if deadline.left_s > 0:
            self._set_alarm(deadline.at)
        else:
            self._error = UpstreamTimeout(self._late, was_sent=True)
            waiter.set_result(None)

    def fail(self, error: BaseException) -> None:
        """End the exchange for a reason of the caller's."""
        self._fail(error)
        self._wake()

    def _fail(self, error: BaseException) -> None:
        self._is_spoilt = True
        if self._error is None:
            self._error = error

    def _spoil(self) -> None:
        self._is_spoilt = True
        self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # Between two calls

    def rest(self) -> None:
        """End an exchange whose answer was read to its end."""
        self._is_busy = False

    @property
    def is_usable(self) -> bool:
        """Tell whether another exchange may begin."""
        ended_well = self._head is None or (self.is_over and self._head.keeps_alive and not self._body)
        return not (self._is_lost or self._is_spoilt or self._is_busy) and ended_well

    def close(self) -> None:
        """Close after what was written has gone."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
