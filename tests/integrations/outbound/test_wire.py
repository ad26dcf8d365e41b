"""What one connection makes of an answer's bytes, however they are cut up on the way."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from integrations.outbound.call import Deadline
from integrations.outbound.errors import InvalidAnswer, Unreachable, UpstreamTimeout
from integrations.outbound.wire import MOST_AHEAD, Wire

OK = b"HTTP/1.1 200 OK\r\nX-Odd-Case: kept\r\nX-Empty:\r\nX-Blank:  a b \r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nhe\r\n3;e\r\nllo\r\n0\r\nX-T: 1\r\n\r\n"
)
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"


class FakeTransport:
    """Notes what is done with a connection."""

    def __init__(self):
        self.written, self.is_reading, self.is_closed = b"", True, False

    def write(self, data):
        self.written += data

    def pause_reading(self):
        self.is_reading = False

    def resume_reading(self):
        self.is_reading = True

    def close(self):
        self.is_closed = True

    abort = close


def connected(*, is_head_only=False):
    """Return a wire with an exchange begun, and its transport."""
    wire = Wire(asyncio.get_running_loop())
    transport = FakeTransport()
    wire.connection_made(transport)
    wire.begin(is_head_only=is_head_only)
    return wire, transport


async def read(wire, *, within_s=0.2):
    """Return the status, the headers and the body of the answer."""
    deadline = Deadline(within_s)
    head = await wire.head(deadline)
    body = b""
    while part := await wire.more(deadline):
        body += part
    return head.status, head.headers, body


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        (OK, [(b"X-Odd-Case", b"kept"), (b"X-Empty", b""), (b"X-Blank", b"a b"), (b"Content-Length", b"5")]),
        (CHUNKED, [(b"Transfer-Encoding", b"chunked"), (b"Trailer", b"X-T")]),
    ],
)
def test_an_answer_is_the_same_however_it_is_cut_up(answer, headers, size):
    async def run():
        wire, _ = connected()
        for at in range(0, len(answer), size):
            wire.data_received(answer[at : at + size])
        assert await read(wire) == (200, headers, b"hello")
        wire.rest()
        assert wire.is_usable

    asyncio.run(run())


def test_interim_answers_are_passed_over():
    async def run():
        wire, _ = connected()
        wire.data_received(EARLY + OK)
        status, headers, body = await read(wire)
        assert (status, body) == (200, b"hello")
        assert (b"Link", b"</a>") not in headers

    asyncio.run(run())


def test_the_answer_to_a_head_has_a_length_and_no_body_and_the_connection_goes_on():
    async def run():
        wire, _ = connected(is_head_only=True)
        wire.data_received(OK.removesuffix(b"hello"))
        assert (await read(wire))[2] == b""
        wire.rest()
        assert wire.is_usable
        wire.begin(is_head_only=False)
        wire.data_received(OK)
        assert (await read(wire))[2] == b"hello"

    asyncio.run(run())


@pytest.mark.parametrize("status", [b"204 No Content\r\n", b"304 Not Modified\r\nContent-Length: 9\r\n"])
def test_an_answer_that_can_have_no_body_ends_with_its_head(status):
    async def run():
        wire, _ = connected()
        wire.data_received(b"HTTP/1.1 " + status + b"\r\n")
        assert (await read(wire))[2] == b""
        wire.rest()
        assert wire.is_usable

    asyncio.run(run())


@pytest.mark.parametrize("extra", [OK, b"x", b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n"])
@pytest.mark.parametrize("is_in_one_packet", [True, False])
def test_what_follows_an_answer_reaches_nobody_and_ends_the_connection(extra, is_in_one_packet):
    async def run():
        wire, _ = connected()
        wire.data_received(OK + extra if is_in_one_packet else OK)
        if not is_in_one_packet:
            wire.data_received(extra)
        status, headers, body = await read(wire)
        assert (status, body, len(headers)) == (200, b"hello", 4)
        wire.rest()
        assert not wire.is_usable

    asyncio.run(run())


def test_what_comes_unasked_ends_the_connection():
    async def run():
        wire, transport = connected()
        wire.data_received(OK)
        await read(wire)
        wire.rest()
        wire.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        assert not wire.is_usable
        assert transport.is_closed

    asyncio.run(run())


def test_an_answer_without_a_length_ends_with_its_connection_unless_that_breaks():
    async def run(error):
        wire, _ = connected()
        wire.data_received(b"HTTP/1.1 200 OK\r\n\r\nhel")
        wire.data_received(b"lo")
        wire.connection_lost(error)
        return await read(wire)

    assert asyncio.run(run(None))[2] == b"hello"
    with pytest.raises(InvalidAnswer):
        asyncio.run(run(ConnectionResetError()))


def test_a_lost_connection_is_told_as_it_stood():
    async def lost_after(data):
        wire, _ = connected()
        wire.data_received(data) if data else None
        wire.connection_lost(None)
        return await read(wire)

    with pytest.raises(Unreachable) as before:
        asyncio.run(lost_after(b""))
    assert before.value.was_sent
    with pytest.raises(Unreachable):
        asyncio.run(lost_after(b"HTTP/1.1 200 OK\r\nContent-"))
    with pytest.raises(InvalidAnswer):
        asyncio.run(lost_after(OK[:-1]))


def test_a_body_that_nobody_takes_stops_the_reading():
    async def run():
        wire, transport = connected()
        wire.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
        wire.data_received(b"x" * MOST_AHEAD)
        assert transport.is_reading
        wire.data_received(b"x")
        assert not transport.is_reading
        assert len(wire.take()) == MOST_AHEAD + 1
        assert transport.is_reading

    asyncio.run(run())


def test_what_still_comes_of_a_head_that_was_too_large_is_not_kept():
    async def flooded():
        wire, _ = connected()
        wire.data_received(b"HTTP/1.1 200 OK\r\nX-A: ")
        tracemalloc.start()
        try:
            for _ in range(200):  # a loop that is late hands over all of it before anybody hears of the failure
                wire.data_received(b"a" * 65_536)
            return wire, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    async def run():
        wire, most = await flooded()
        with pytest.raises(InvalidAnswer, match="too large"):
            await wire.head(Deadline(0.2))
        assert most < 2_000_000

    asyncio.run(run())


def test_the_part_that_came_before_a_break_is_handed_over_first():
    async def run():
        wire, _ = connected()
        wire.data_received(OK[:-2])
        wire.connection_lost(None)
        deadline = Deadline(0.2)
        await wire.head(deadline)
        assert await wire.more(deadline) == b"hel"
        with pytest.raises(InvalidAnswer):
            await wire.more(deadline)

    asyncio.run(run())


def test_a_deadline_that_moves_on_is_waited_for():
    async def run():
        wire, _ = connected()
        deadline = Deadline(0.05)
        asyncio.get_running_loop().call_later(0.02, deadline.moved, 2 * 16 * 1024 // 10)
        asyncio.get_running_loop().call_later(0.15, wire.data_received, OK)
        assert (await read(wire, within_s=1)) is not None
        wire.begin(is_head_only=False)
        with pytest.raises(UpstreamTimeout):
            await wire.head(Deadline(0.03))

    asyncio.run(run())


def test_a_caller_whose_body_broke_off_ends_the_wait():
    async def run():
        wire, _ = connected()
        asyncio.get_running_loop().call_later(0.01, wire.fail, KeyError("the caller's"))
        await wire.head(Deadline(5))

    with pytest.raises(KeyError):
        asyncio.run(run())


async def answered_once(wire, *, within_s):
    """Wait for an answer as long as given, and have it come at once."""
    waiting = asyncio.create_task(read(wire, within_s=within_s))
    await asyncio.sleep(0)
    wire.data_received(OK)
    await waiting
    wire.rest()
    wire.begin(is_head_only=False)


def test_a_connection_used_again_ends_by_its_own_deadline_if_that_is_the_earlier():
    async def story():
        wire, _ = connected()
        await answered_once(wire, within_s=60)
        with pytest.raises(UpstreamTimeout):
            await asyncio.wait_for(wire.head(Deadline(0.02)), 10)

    asyncio.run(story())


def test_a_connection_used_again_is_not_ended_by_a_deadline_that_was_another_calls():
    async def story():
        wire, _ = connected()
        await answered_once(wire, within_s=0.02)
        waiting = asyncio.create_task(read(wire, within_s=60))
        await asyncio.sleep(0.06)
        wire.data_received(OK)
        assert (await waiting)[2] == b"hello"

    asyncio.run(story())


def test_a_lost_connection_leaves_no_alarm():
    async def story():
        wire, _ = connected()
        await answered_once(wire, within_s=60)
        assert wire._alarm is not None
        wire.connection_lost(None)
        assert wire._alarm is None

    asyncio.run(story())
