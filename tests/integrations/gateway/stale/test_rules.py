"""What may be kept, and what tells two requests apart: tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.gateway.stale.rules import MOST_BODY_BYTES, age_s, key_text, stale_headers, why_not

pytestmark = pytest.mark.matrix  # no database: one engine is enough

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
JSON = (b"Content-Type", b"application/json")


def control(text: bytes, name: bytes = b"Cache-Control"):
    return (name, text)


@pytest.mark.parametrize(
    ("method", "request_", "status", "headers", "why"),
    [
        ("GET", [], 200, [JSON], ""),
        ("GET", [], 200, [control(b"private, max-age=60")], ""),
        ("GET", [], 200, [control(b"public, s-maxage=60, proxy-revalidate")], ""),  # those are for shared caches
        ("GET", [], 200, [(b"Vary", b"Accept, Origin, Stripe-Account")], ""),
        ("GET", [], 200, [(b"Vary", b"Authorization, Cookie")], ""),  # the same for every call
        ("GET", [control(b"no-cache")], 200, [JSON], ""),
        ("GET", [], 200, [(b"Content-Length", b"%d" % MOST_BODY_BYTES)], ""),
        ("GET", [], 200, [control(b"no-store")], "no-store"),
        ("GET", [], 200, [control(b"private, No-Store", b"cache-control")], "no-store"),
        ("GET", [], 200, [control(b"private"), control(b"no-store")], "no-store"),
        ("GET", [control(b"no-store")], 200, [JSON], "no-store"),
        ("GET", [], 200, [control(b"no-cache")], "no-cache"),
        ("GET", [], 200, [control(b'no-cache="Set-Cookie"')], "no-cache"),
        ("GET", [], 200, [control(b"max-age=0, private, must-revalidate")], "must-revalidate"),
        ("GET", [], 200, [(b"Vary", b"*")], "vary"),
        ("GET", [], 200, [(b"Vary", b"Accept, X-Request-Id")], "vary"),
        ("GET", [], 200, [(b"content-type", b"Text/Event-Stream; charset=utf-8")], "stream"),
        ("GET", [], 200, [(b"content-length", b"%d" % (MOST_BODY_BYTES + 1))], "too-large"),
        ("GET", [(b"Range", b"bytes=0-9")], 200, [JSON], "range"),
        *[("GET", [], status, [JSON], "not-ok") for status in (201, 203, 204, 206, 301, 304, 404, 500)],
        *[(method, [], 200, [JSON], "not-a-get") for method in ("HEAD", "POST", "PUT", "OPTIONS", "get")],
    ],
)
def test_what_may_be_kept(method, request_, status, headers, why):
    assert why_not(method, request_, status=status, headers=headers) == why


def key(headers=(), target=b"/a?b", parts=("c1", "t1"), carriers=frozenset({"header:authorization"})):
    return key_text(parts, target=target, headers=list(headers), carriers=carriers)


@pytest.mark.parametrize(
    "other",
    [
        {"target": b"/a?B"},
        {"target": b"/a"},
        {"parts": ("c2", "t1")},
        {"parts": ("c1", "t2")},
        {"parts": ("c1t1", "")},
        *[{"headers": [pair]} for pair in (
            (b"accept", b"text/csv"), (b"stripe-account", b"acct_2"), (b"xero-tenant-id", b"t"), (b"origin", b"https://a"),
            (b"accept-encoding", b"gzip"), (b"x-api-version", b"2"), (b"user-agent", b"n8n"),
        )],
        {"headers": [(b"a", b"bc")]}, {"headers": [(b"ab", b"c")]},
        {"carriers": frozenset(), "headers": [(b"authorization", b"Bearer other")]},
    ],
)  # fmt: skip
def test_what_tells_two_requests_apart(other):
    assert key() != key(**other)


def test_two_headers_cannot_be_taken_for_one():
    assert key([(b"a", b"bc"), (b"d", b"")]) != key([(b"a", b"b"), (b"cd", b"")])


@pytest.mark.parametrize(
    "noise",
    [
        (b"X-Request-Id", b"1"), (b"traceparent", b"00-1"), (b"Authorization", b"Bearer klg_1"),
        (b"Connection", b"close"),
        (b"X-Keylodge-Cache", b"on-failure"), (b"If-None-Match", b'"1"'), (b"x-stainless-retry-count", b"1"),
        (b"Cache-Control", b"no-cache"), (b"X-Forwarded-For", b"192.0.2.1"), (b"Content-Length", b"0"),
    ],
)  # fmt: skip
def test_what_does_not(noise):
    assert key() == key([noise])


def test_the_order_of_headers_and_their_case_do_not():
    assert key([(b"Accept", b"a"), (b"X-B", b"1")]) == key([(b"x-b", b"1"), (b"accept", b"a")])


@pytest.mark.parametrize(
    ("headers", "later_s", "age"),
    [([], 0, 0), ([], 61.4, 61), ([(b"Age", b"30")], 60, 90), ([(b"age", b"x")], 5, 5), ([(b"age", b"9" * 99)], 5, 5),
     ([], -9, 0)],
)  # fmt: skip
def test_the_age_counts_from_when_the_provider_made_it(headers, later_s, age):
    assert age_s(headers, stored_at=NOON, now=NOON + timedelta(seconds=later_s)) == age


def test_a_stale_answer_says_so():
    kept = [
        (b"content-type", b"a/b"),
        (b"age", b"1"),
        (b"warning", b"199 x"),
        (b"content-length", b"7"),
        (b"etag", b"e"),
    ]
    assert stale_headers(kept, stored_at=NOON, now=NOON + timedelta(seconds=9)) == [
        (b"content-type", b"a/b"),
        (b"etag", b"e"),
        (b"age", b"10"),
        (b"warning", b'110 - "Response is Stale"'),
    ]
