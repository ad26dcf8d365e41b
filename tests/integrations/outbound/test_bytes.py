"""What goes out is what was given, byte for byte, seen on a socket."""

from __future__ import annotations

import asyncio

import pytest

from integrations.outbound import BadRequest, Caller, split_url
from integrations.outbound.call import Deadline, Upload

pytestmark = pytest.mark.matrix  # no database: one engine is enough

TARGETS = [
    b"/",
    b"//",
    b"//double//slash",
    b"/a/../b",
    b"/a/%2e%2e/b",
    b"/a/%2E%2E/b",
    b"/./a",
    b"/a/.",
    b"/a%2Fb",
    b"/a%2fb%5Cc",
    b"/a\\b",
    b"/'quoted'",
    b'/"double"',
    b"/{curly}",
    b"/[square]",
    b"/<angle>",
    b"/a|b",
    b"/a^b",
    b"/a`b",
    b"/~tilde",
    b"/%7Etilde",
    b"/a;b=c;d",
    b"/a:b@c",
    b"/a+b",
    b"/a%20b",
    b"/a%00b",
    b"/%",
    b"/%zz",
    b"/%2",
    b"/%25",
    b"/a!$&'()*+,;=:@",
    b"/\xc3\xa9",
    b"/\xe9",
    b"/%C3%A9",
    b"/%c3%a9",
    b"/\xff\xfe",
    b"/a?",
    b"/a??",
    b"/a?b",
    b"/a?b=",
    b"/a?b=c&b=d",
    b"/a?b=c;d",
    b'/a?q={"a":[1]}',
    b"/a?q=%7B%22a%22%3A1%7D",
    b"/a?q=a+b%20c",
    b"/a?q='x'",
    b"/a?q=\xc3\xa9",
    b"/a?q=\xe9",
    b"/a?redirect=https://evil.example/?x=y",
    b"/a?&&",
    b"/a?=",
    b"/a?%",
    b"/a?a=%2f%2F",
    b"/a?b#c",
    b"/a#b",
    b"/" + b"x" * 8000,
    b"/a?" + b"y" * 30000,
    b"/https://other.example/",
    b"/a,b",
    b"/crm/v3/objects/contacts/1?properties=email,name&archived=false",
    b"/a?b[c]=d&b[]=e",
    b"/*",
]

HEADER_SETS = [
    [(b"Accept", b"*/*")],
    [(b"accept", b"application/json")],
    [(b"ACCEPT", b"x")],
    [(b"X-A", b"1"), (b"X-A", b"2"), (b"x-a", b"3")],
    [(b"X-Empty", b"")],
    [(b"X-Latin", b"caf\xe9")],
    [(b"X-UTF8", b"caf\xc3\xa9")],
    [(b"X-Bytes", b"\x80\xff")],
    [(b"X-Tab", b"a\tb")],
    [(b"X-Quote", b'"a\\"b"')],
    [(b"X-Long", b"z" * 30000)],
    [(b"Accept-Encoding", b"gzip, br;q=0.5")],
    [(b"User-Agent", b"curl/8.0")],
    [(b"Content-Type", b"application/json; charset=utf-8")],
    [(b"If-None-Match", b'W/"abc"')],
    [(b"Range", b"bytes=0-1")],
    [(b"Prefer", b"respond-async, wait=10")],
    [(b"X-!#$%&'*+.^_`|~9", b"token")],
    [(b"Authorization", b"Bearer a.b.c"), (b"Stripe-Version", b"2026-01-01")],
    [(b"X-%d" % n, b"v%d" % n) for n in range(90)],
    [],
]


def call(upstream, *, method=b"GET", target=b"/", headers=(), body=None):
    """Make one call and return (status, headers, body)."""

    async def run():
        origin, _ = split_url(upstream.url)
        caller = Caller()
        answering = await caller.request(
            method,
            origin,
            target=target,
            headers=headers,
            body=body() if callable(body) else body,
            deadline=Deadline(5),
            allowed=frozenset({upstream.host}),
        )
        content = b"".join([chunk async for chunk in answering.chunks()])
        caller.close()
        return answering.status, answering.headers, content

    return asyncio.run(run())


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: repr(t[:40]))
def test_a_target_arrives_byte_for_byte(upstream, target):
    assert call(upstream, target=target)[0] == 200
    assert upstream.requests == [b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, upstream.host.encode())]


@pytest.mark.parametrize("headers", HEADER_SETS, ids=lambda h: repr(h[:1])[:40])
def test_a_header_set_arrives_byte_for_byte(upstream, headers):
    call(upstream, headers=headers)
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    assert upstream.requests == [b"GET / HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (upstream.host.encode(), lines)]


@pytest.mark.parametrize("method", [b"GET", b"POST", b"PATCH", b"PROPFIND", b"get", b"M-SEARCH"])
def test_a_method_arrives_as_it_is(upstream, method):
    call(upstream, method=method)
    assert upstream.requests[0].startswith(method + b" / HTTP/1.1\r\n")


def test_a_body_arrives_with_its_length(upstream):
    call(upstream, method=b"POST", body=b"\x00\xffbody\r\n")
    assert upstream.requests[0].endswith(b"Content-Length: 8\r\n\r\n\x00\xffbody\r\n")


def test_an_empty_body_has_length_nought(upstream):
    call(upstream, method=b"POST", body=b"")
    assert upstream.requests[0].endswith(b"Content-Length: 0\r\n\r\n")


async def three():
    """Yield a body in three parts, one of them empty."""
    for part in (b"one", b"", b"two"):
        yield part


def test_an_unsized_body_arrives_chunked(upstream):
    call(upstream, method=b"POST", body=lambda: Upload(three()))
    assert upstream.requests[0].endswith(b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_a_sized_stream_arrives_with_its_length(upstream):
    call(upstream, method=b"PUT", body=lambda: Upload(three(), length=6))
    assert upstream.requests[0].endswith(b"Content-Length: 6\r\n\r\nonetwo")


@pytest.mark.parametrize("name", [b"X\r\nY", b"X Y", b"X:", b"", b"X\xe9", b"X\x00"])
def test_a_header_name_that_breaks_the_head_is_refused(upstream, name):
    with pytest.raises(BadRequest):
        call(upstream, headers=[(name, b"v")])
    assert upstream.connections == 0


@pytest.mark.parametrize("value", [b"a\r\nX: y", b"a\nb", b"a\rb", b"a\x00b", b"a\x7f", b"\x1b[0m"])
def test_a_header_value_that_breaks_the_head_is_refused_and_not_named(upstream, value):
    with pytest.raises(BadRequest) as caught:
        call(upstream, headers=[(b"Authorization", b"Bearer CANARY" + value)])
    assert "CANARY" not in str(caught.value)
    assert upstream.connections == 0


@pytest.mark.parametrize("target", [b"", b"a", b"/a b", b"/a\r\nHost: x", b"/a\x00", b"http://x/"])
def test_a_target_that_breaks_the_head_is_refused(upstream, target):
    with pytest.raises(BadRequest):
        call(upstream, target=target)
    assert upstream.connections == 0


def test_answer_headers_and_body_come_back_untouched(upstream):
    upstream.answers = [
        b"HTTP/1.1 200 OK\r\nX-RateLimit-Remaining: 9\r\nx-b: caf\xe9\r\nContent-Encoding: gzip\r\n"
        b"Set-Cookie: a=1\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\xff"
    ]
    status, headers, body = call(upstream)
    assert (status, body) == (200, b"\x1f\x8b\x00\xff")
    assert headers == [
        (b"X-RateLimit-Remaining", b"9"),
        (b"x-b", b"caf\xe9"),
        (b"Content-Encoding", b"gzip"),
        (b"Set-Cookie", b"a=1"),
        (b"Content-Length", b"4"),
    ]
