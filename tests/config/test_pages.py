"""The bridge between the ASGI server and Django's pages: every body arrives whole, with its length."""

from __future__ import annotations

import asyncio
import threading

import pytest

from config import pages


def call(app, *, headers=(), messages):
    """Send one request to an ASGI application and return the status, the headers and the body."""
    sent = []
    waiting = iter(messages)

    async def receive():
        return next(waiting)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/form", "query_string": b"", "http_version": "1.1"}
    asyncio.run(app({**scope, "headers": list(headers), "scheme": "http"}, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


def echo(environ, start_response):
    """A WSGI application that answers with what it was told and what it could read."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["CONTENT_LENGTH"].encode(), b" ", body, b" ", str("HTTP_X_FORWARDED_PROTO" in environ).encode()]


CHUNKS = [
    {"type": "http.request", "body": b"name=", "more_body": True},
    {"type": "http.request", "body": b"Ada", "more_body": False},
]


@pytest.mark.parametrize("headers", [[(b"content-length", b"8")], [(b"transfer-encoding", b"chunked")]])
def test_a_body_reaches_the_page_whole_however_it_was_framed(headers):
    status, _headers, body = call(pages.Pages(echo), headers=headers, messages=CHUNKS)
    assert (status, body) == (200, b"8 name=Ada False")


def test_a_header_with_an_underscore_cannot_pass_for_another():
    _status, _headers, body = call(pages.Pages(echo), headers=[(b"x_forwarded_proto", b"https")], messages=CHUNKS)
    assert body.endswith(b"False")


def test_a_body_that_announces_too_much_is_refused_before_it_is_read():
    headers = [(b"content-length", str(pages.MAX_BODY_BYTES + 1).encode())]
    assert call(pages.Pages(echo), headers=headers, messages=[])[0] == 413


def test_an_endless_chunked_body_is_refused_at_the_cap():
    chunk = {"type": "http.request", "body": b"x" * 1024 * 1024, "more_body": True}
    assert call(pages.Pages(echo), messages=[chunk] * 9)[0] == 413


@pytest.mark.parametrize(
    "messages", [[*CHUNKS[:1], {"type": "http.disconnect"}], [{"type": "http.request", "body": b"name=A"}]]
)
def test_a_body_cut_short_is_refused(messages):
    assert call(pages.Pages(echo), headers=[(b"content-length", b"8")], messages=messages)[0] == 400


def test_an_error_outside_django_is_an_answer_of_ours():
    def broken(environ, start_response):
        raise RuntimeError("secret value")

    status, headers, body = call(pages.Pages(broken), messages=CHUNKS)
    assert status == 500
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"secret value" not in body


@pytest.mark.parametrize(
    ("crowded", "other", "most"),
    [
        ("/accounts/login/", "/vault/new/", pages.AT_THE_HASHER),
        ("/accounts/password/reset/", "/vault/new/", pages.AT_THE_MAIL_SERVER),
        ("/accounts/password/reset/", "/accounts/login/", pages.AT_THE_MAIL_SERVER),
        ("/request/" + "a" * 43, "/accounts/login/", pages.AT_A_PROVIDER),
    ],
)
def test_forms_that_wait_in_a_line_hold_no_thread_from_others(crowded, other, most):
    waited, is_busy, let_go = [], threading.Event(), threading.Event()

    def slow_at_the_door(environ, start_response):
        if environ["PATH_INFO"] == crowded:
            waited.append(1)
            if len(waited) >= most:
                is_busy.set()
            assert let_go.wait(20)
        start_response("200 OK", [])
        return [b""]

    async def story():
        app, statuses = pages.Pages(slow_at_the_door), []

        async def ask(path):
            async def receive():
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message):
                statuses.append((path, message["status"])) if "status" in message else None

            about = {"type": "http", "method": "POST", "query_string": b"", "http_version": "1.1"}
            await app({**about, "path": path, "headers": [], "scheme": "http"}, receive, send)

        crowd = [asyncio.create_task(ask(crowded)) for _ in range(50)]
        try:
            async with asyncio.timeout(10):
                await asyncio.to_thread(is_busy.wait)
                await ask(other)
            at_once = len(waited)
        finally:
            let_go.set()
        await asyncio.gather(*crowd)
        return at_once, statuses

    at_once, statuses = asyncio.run(story())
    assert at_once == most < pages.THREADS
    assert statuses[0] == (other, 200)
    assert len(statuses) == 51
