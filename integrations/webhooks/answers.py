"""What a sender hears. What it sent is never repeated to it, but for the echo of a handshake."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integrations.webhooks.schemes.shape import Scheme
    from integrations.webhooks.verdicts import Handshake

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

OWN_HEADERS: Headers = (
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
PROBLEMS = {
    "request_refused": (400, "The body is not as long as it says."),
    "endpoint_not_found": (404, "There is no such webhook endpoint."),
    "too_slow": (408, "The body did not arrive in time."),
    "endpoint_disabled": (410, "This webhook endpoint is switched off."),
    "too_large": (413, "The body is larger than this endpoint takes."),
    "rate_limited": (429, "This endpoint takes no more requests just now."),
    "unavailable": (503, "Keylodge could not store the request. Send it again."),
}
UNAVAILABLE_RETRY_S = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, whole."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: Headers = ()

    async def send(self, send: Send, *, has_body: bool = True) -> None:
        """Send it; a HEAD request gets the head only."""
        about = [(b"content-length", b"%d" % len(self.body))]
        if self.content_type:
            about.append((b"content-type", self.content_type.encode("latin-1")))
        await send(
            {"type": "http.response.start", "status": self.status, "headers": [*about, *OWN_HEADERS, *self.headers]}
        )
        await send({"type": "http.response.body", "body": self.body if has_body else b"", "more_body": False})


def problem(code: str, *, retry_after_s: float | None = None) -> Reply:
    """Return an answer of ours as problem details (RFC 9457)."""
    status, title = PROBLEMS[code]
    text = json.dumps({"type": "about:blank", "title": title, "status": status, "code": code})
    headers = () if retry_after_s is None else ((b"retry-after", b"%d" % max(1, round(retry_after_s + 0.5))),)
    return Reply(status, text.encode(), "application/problem+json", headers)


def unavailable() -> Reply:
    """Return the answer that makes every sender come again."""
    return problem("unavailable", retry_after_s=UNAVAILABLE_RETRY_S)


def stored(scheme: Scheme | None) -> Reply:
    """Return what the sender wants to hear when its request is safe, or was here before."""
    if scheme is None:
        return Reply(200)
    return Reply(scheme.reply.status, scheme.reply.body.encode(), scheme.reply.content_type)


def refused(scheme: Scheme | None) -> Reply:
    """Return the refusal of a request that proves nothing. It does not say why: that would help a forger."""
    return Reply(401 if scheme is None else scheme.reply.refused_status)


def shaken(handshake: Handshake) -> Reply:
    """Return the answer to a handshake. No echo is ever read as a page: text, and nosniff."""
    headers = tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in handshake.headers)
    media = "application/json" if handshake.content_type.startswith("application/json") else "text/plain; charset=utf-8"
    return Reply(handshake.status, handshake.body, media if handshake.body else "", headers)
