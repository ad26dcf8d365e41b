"""Django's pages behind the ASGI server: WSGI in a few threads, which is five times faster than Django's own ASGI.

The body is read whole before a thread is taken, so a slow sender holds no
thread, and a chunked body reaches Django with a length. It stays in memory:
spooled to a temporary file, a secret in a form would lie on the disk in clear.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from a2wsgi import WSGIMiddleware

from config.answers import Message, Receive, Scope, Send, problem

logger = logging.getLogger(__name__)

THREADS = 12
HASHED = ("/accounts/", "/setup/", "/handover/")  # forms that take a password or a passphrase
AT_THE_HASHER = 4
MAILED = ("/accounts/password/reset/", "/accounts/email/")  # forms that send a mail before they answer
AT_THE_MAIL_SERVER = 2
TRIED = ("/request/",)  # forms of people without an account that call a provider before they answer
AT_A_PROVIDER = 4
ASKED_BY_PROGRAMS = ("/api/",)  # programs come in bursts: they may keep half the threads, and no person waiting
AT_THE_API = 6
MAX_BODY_BYTES = 8 * 1024 * 1024
BODY_WITHIN_S = 60.0


class BodyTooLarge(Exception):
    """The body is longer than any form or API call of ours needs."""


class BodyCutShort(Exception):
    """The sender went away before the body was whole."""


class Pages:
    """An ASGI application that runs a WSGI one in threads.

    A password is hashed for a quarter of a second, four at a time (`secrets_vault/people/passwords.py`).
    The forms that take one wait for their turn here, where waiting costs no thread: a crowd that signs
    in, or somebody who only pretends to, would otherwise hold every thread and keep all others waiting.
    The forms that anyone can have a mail sent by stand in a line of their own: a mail server that hangs
    takes ten seconds of each, and must keep nobody from signing in. So do the forms on which a client hands a
    key over: the key is tried first, at a host that the client may have named. Programs that call the API stand in one
    more line.
    """

    def __init__(self, wsgi: Any) -> None:
        self._app: Any = WSGIMiddleware(wsgi, workers=THREADS)
        self._at_the_hasher = asyncio.Semaphore(AT_THE_HASHER)
        self._at_the_mail_server = asyncio.Semaphore(AT_THE_MAIL_SERVER)
        self._at_a_provider = asyncio.Semaphore(AT_A_PROVIDER)
        self._at_the_api = asyncio.Semaphore(AT_THE_API)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then let a thread answer."""
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await read_body(scope, receive)
        except BodyTooLarge:
            await problem(send, 413, code="body_too_large", title="The body is larger than 8 MiB.")
        except TimeoutError:
            await problem(send, 408, code="body_timeout", title="The body did not arrive within a minute.")
        except BodyCutShort:
            await problem(send, 400, code="body_cut_short", title="The body was shorter than it said.")
        else:
            async with self._line_of(scope):
                await self._answer(scope, body, send)

    def _line_of(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Return what a request waits for before it gets a thread."""
        if scope["path"].startswith(ASKED_BY_PROGRAMS):
            return self._at_the_api
        if scope["method"] not in ("GET", "HEAD"):
            if scope["path"] in MAILED:
                return self._at_the_mail_server
            if scope["path"].startswith(HASHED):
                return self._at_the_hasher
            if scope["path"].startswith(TRIED):
                return self._at_a_provider
        return nullcontext()

    async def _answer(self, scope: Scope, body: bytes, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(framed(scope, len(body)), whole(body), watched)
        except Exception:
            logger.exception("a page failed outside Django")
            if not started:
                await problem(send, 500, code="internal_error", title="Something broke on our side.")


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Return the whole request body. Raises BodyTooLarge or BodyCutShort."""
    announced = announced_length(scope)
    if announced is not None and announced > MAX_BODY_BYTES:
        raise BodyTooLarge
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyCutShort
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        if not message.get("more_body"):
            break
    if announced is not None and len(body) != announced:
        raise BodyCutShort
    return bytes(body)


def announced_length(scope: Scope) -> int | None:
    """Return the Content-Length, None when the body is chunked or absent."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def framed(scope: Scope, length: int) -> Scope:
    """Return the scope with the body's true length and without headers that WSGI could confuse.

    WSGI writes `-` and `_` alike: without this, `X_Forwarded_Proto` would pass for
    `X-Forwarded-Proto` (CVE-2025-64484).
    """
    dropped = (b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in dropped and b"_" not in name]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def whole(body: bytes) -> Receive:
    """Return a `receive` that gives the body at once.

    It is a coroutine function: a2wsgi hands its result to another thread's loop, and
    granian's own `receive` returns a future, which that refuses.
    """

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
