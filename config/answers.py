"""Small answers that `config/asgi.py` gives itself, in the same form as the gateway's."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

SAFE_HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


async def answer(send: Send, status: int, body: bytes, *, media: bytes, headers: Headers = ()) -> None:
    """Send one whole response, never cached and never framed."""
    fixed = [(b"content-type", media), (b"content-length", str(len(body)).encode()), *SAFE_HEADERS, *headers]
    await send({"type": "http.response.start", "status": status, "headers": fixed})
    await send({"type": "http.response.body", "body": body})


async def problem(send: Send, status: int, *, code: str, title: str, detail: str = "") -> None:
    """Send an `application/problem+json` answer (RFC 9457)."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail or title, "code": code}
    await answer(send, status, json.dumps(body).encode(), media=b"application/problem+json")


def with_safe_headers(send: Send, extra: Headers = ()) -> Send:
    """Return a `send` that adds the headers every answer of ours carries, where the answer has none of its own."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _value in message["headers"]}
            message["headers"] = [*message["headers"], *(h for h in [*SAFE_HEADERS, *extra] if h[0] not in present)]
        await send(message)

    return sending
