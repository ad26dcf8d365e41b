"""An upstream that means harm: every call ends by its deadline, typed, in bounded memory."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc

import pytest

from integrations.outbound import (
    BodyTooLarge,
    Caller,
    HostRefused,
    InvalidAnswer,
    Unreachable,
    UpstreamTimeout,
    send,
    split_url,
)
from integrations.outbound.call import Deadline
from tests.fake_upstream import OK, FakeUpstream

DEADLINE_S = 0.5


def consume(upstream, *, method=b"GET", body=None, calls: int = 1, deadline_s: float = DEADLINE_S):
    """Make calls one after the other on one caller, reading each body in full; return the last one's size."""

    async def run():
        origin, _ = split_url(upstream.url)
        caller = Caller()
        size = 0
        for _ in range(calls):
            answering = await caller.request(
                method,
                origin,
                target=b"/",
                headers=(),
                body=body,
                deadline=Deadline(deadline_s),
                allowed=frozenset({upstream.host}),
            )
            size = sum([len(chunk) async for chunk in answering.chunks()])
        caller.close()
        return size

    return asyncio.run(run())


def dripping(head: bytes, drop: bytes):
    """Return a handler that sends `head`, then one drop at a time."""

    def handler(sock, request):
        sock.sendall(head)
        for _ in range(400):
            sock.sendall(drop)
            time.sleep(0.02)

    return handler


def then_closed(data: bytes):
    """Return a handler that sends these bytes and closes."""

    def handler(sock, request):
        sock.sendall(data)
        sock.shutdown(2)

    return handler


def reset_after(data: bytes):
    """Return a handler that sends these bytes and resets the connection."""

    def handler(sock, request):
        import socket
        import struct

        sock.sendall(data)
        time.sleep(0.05)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    return handler


CASES = {
    "silence": (lambda s, r: time.sleep(3), UpstreamTimeout),
    "header drip": (dripping(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"), UpstreamTimeout),
    "status drip": (dripping(b"", b"H"), (UpstreamTimeout, InvalidAnswer)),
    "body drip": (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"), UpstreamTimeout),
    "chunk drip": (
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        UpstreamTimeout,
    ),
    "1xx for ever": (dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), UpstreamTimeout),
    "truncated": (then_closed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), InvalidAnswer),
    "truncated chunk": (then_closed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nha"), InvalidAnswer),
    "no last chunk": (then_closed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nha\r\n"), InvalidAnswer),
    "bad chunk size": (
        then_closed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nha\r\n0\r\n\r\n"),
        InvalidAnswer,
    ),
    "reset mid body": (reset_after(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), InvalidAnswer),
    "reset at once": (reset_after(b""), Unreachable),
    "closed at once": (then_closed(b""), Unreachable),
    "garbage": (then_closed(b"\x16\x03\x01\x02\x00garbage\r\n\r\n"), InvalidAnswer),
    "html without a head": (then_closed(b"<html>hello</html>\r\n\r\n"), InvalidAnswer),
    "CL and TE": (
        then_closed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        InvalidAnswer,
    ),
    "two lengths": (
        then_closed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        InvalidAnswer,
    ),
    "negative length": (then_closed(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), InvalidAnswer),
    "status 999": (then_closed(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), InvalidAnswer),
    "status 099": (then_closed(b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"), InvalidAnswer),
    "upgrade": (then_closed(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), InvalidAnswer),
    "200 KB header": (then_closed(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n"), InvalidAnswer),
    "20,000 headers": (then_closed(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n"), InvalidAnswer),
    "NUL in a header": (then_closed(b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n"), InvalidAnswer),
    "newline in a name": (then_closed(b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n"), InvalidAnswer),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_answer_ends_typed_by_the_deadline(name):
    handler, error = CASES[name]
    with FakeUpstream(handler) as upstream:
        started = time.monotonic()
        with pytest.raises(error) as caught:
            consume(upstream)
        assert time.monotonic() - started < DEADLINE_S + 1
        assert caught.value.was_sent


def test_a_folded_header_cannot_smuggle_a_second_one():
    """Obsolete folding is refused or joined to one value (RFC 9112 section 5.2); never a header of its own."""
    folded = then_closed(b"HTTP/1.1 200 OK\r\nX-A: a\r\n Set-Cookie: b\r\nContent-Length: 0\r\n\r\n")

    async def run(upstream):
        origin, _ = split_url(upstream.url)
        caller = Caller()
        return await caller.request(
            b"GET",
            origin,
            target=b"/",
            headers=(),
            body=None,
            deadline=Deadline(1),
            allowed=frozenset({upstream.host}),
        )

    with FakeUpstream(folded) as upstream:
        try:
            headers = asyncio.run(run(upstream)).headers
        except InvalidAnswer:
            return
        assert all(b"\r" not in v and b"\n" not in v for _, v in headers)
        assert b"set-cookie" not in [name.lower() for name, _ in headers]


def test_a_bomb_stays_packed():
    packed = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with FakeUpstream(head + packed) as upstream:
        tracemalloc.start()
        try:
            assert consume(upstream, deadline_s=5) == len(packed)
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()


def test_a_body_without_end_is_cut_at_the_cap():
    def endless(sock, request):
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            sock.sendall(b"x" * 65536)

    with FakeUpstream(endless) as upstream, pytest.raises(BodyTooLarge):
        asyncio.run(_read_capped(upstream, 200_000))


async def _read_capped(upstream, max_bytes):
    origin, _ = split_url(upstream.url)
    answering = await Caller().request(
        b"GET",
        origin,
        target=b"/",
        headers=(),
        body=None,
        deadline=Deadline(5),
        allowed=frozenset({upstream.host}),
    )
    return await answering.read(max_bytes, BodyTooLarge)


def test_nobody_listening_is_unreachable_before_a_byte_was_sent():
    upstream = FakeUpstream()
    upstream.close()
    with pytest.raises(Unreachable) as caught:
        consume(upstream)
    assert caught.value.phase == "before"


def test_a_connection_is_used_again(upstream):
    assert consume(upstream, calls=3) == 2
    assert upstream.connections == 1


def test_an_idle_connection_that_the_upstream_closed_costs_a_safe_call_nothing():
    def once(sock, request):
        sock.sendall(OK)
        sock.close()

    with FakeUpstream(once) as upstream:
        assert consume(upstream, calls=3) == 2


def test_an_early_answer_to_an_upload_comes_through():
    def early(sock, request):
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with FakeUpstream(early) as upstream:
        assert consume(upstream, method=b"POST", body=b"x" * 100) == 0


def test_a_redirect_is_handed_back_and_not_followed(upstream):
    upstream.answers = [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"]
    consume(upstream)
    assert len(upstream.requests) == 1


@pytest.mark.django_db
def test_send_returns_the_whole_answer(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    answer = send("POST", f"{upstream.url}/token?x=1", headers={"X-A": "b"}, body=b"a=b")
    assert (answer.status, answer.body, answer.header("content-type")) == (200, b"ok", "text/plain")
    assert b"POST /token?x=1 HTTP/1.1\r\n" in upstream.requests[0]
    assert "ok" not in repr(answer)


@pytest.mark.django_db
def test_send_reaches_a_host_that_the_sandbox_button_allowed(upstream):
    from secrets_vault.models import InstallationSetting

    with pytest.raises(HostRefused):
        send("GET", upstream.url)
    InstallationSetting.objects.create(key="outbound.allowed_hosts", value=[upstream.host])
    assert send("GET", upstream.url).status == 200


@pytest.mark.django_db
def test_send_goes_only_where_the_credential_is_bound(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    with pytest.raises(HostRefused):
        send("GET", upstream.url, allowed_hosts=["api.hubapi.com"])
    assert upstream.connections == 0
    assert send("GET", upstream.url, allowed_hosts=[upstream.host]).status == 200


@pytest.mark.django_db
def test_send_ends_by_its_deadline_and_by_its_cap(settings):
    with FakeUpstream(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b"x")) as upstream:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
        with pytest.raises(UpstreamTimeout):
            send("GET", upstream.url, deadline_s=0.3)
    with FakeUpstream(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000) as upstream:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
        with pytest.raises(BodyTooLarge):
            send("GET", upstream.url, max_bytes=1000)
