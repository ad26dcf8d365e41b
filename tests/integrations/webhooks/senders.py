"""A vendor of our own, with every part that a scheme can have, and a way to post to the inlet without a server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integrations.webhooks.app import Inlet

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "a-signing-secret-of-32-characters"

SIGNED_ID = {
    "proofs": [{"kind": "hmac", "signature": "header:X-Signature", "signed": "{ts}.{body}"}],
    "timestamp": {"place": "header:X-Timestamp", "unit": "s", "tolerance_s": 300},
    "id": {"places": ["json:id"]},
    "event_type": "json:type",
}
UNSIGNED_ID = {
    "proofs": [{"kind": "hmac", "signature": "header:X-Signature", "signed": "{body}"}],
    "id": {"places": ["header:X-Delivery"]},
}
PING = {
    "proofs": [{"kind": "hmac", "signature": "header:X-Signature", "signed": "{body}"}],
    "repeats_identically": True,
    "handshakes": [
        {"name": "challenge", "when": ["query:challenge"], "method": "GET", "value": "query:challenge", "reply": "text"}
    ],
}
GIVES_SECRET = {
    "proofs": [{"kind": "hmac", "signature": "header:X-Signature", "signed": "{body}"}],
    "handshakes": [
        {
            "name": "secret",
            "when": ["header:X-Hook-Secret"],
            "value": "header:X-Hook-Secret",
            "reply": "header",
            "header": "X-Hook-Secret",
            "keeps_secret": True,
        }
    ],
}
STOPS_WITH_406 = UNSIGNED_ID | {
    "reply": {"status": 202, "content_type": "text/plain", "body": "thanks", "refused_status": 406}
}

Pairs = list[tuple[bytes, bytes]]


def body_of(event_id: str = "evt_1", **more: Any) -> bytes:
    """Return an event as JSON."""
    return json.dumps({"id": event_id, "type": "thing.made", **more}).encode()


def signed(body: bytes, *, at: datetime | None = NOW, secret: str = SECRET, delivery: str = "d-1") -> Pairs:
    """Return the headers of a genuine request: with its time signed, or without one."""
    ts = str(int(at.timestamp())).encode() if at else b""
    content = ts + b"." + body if at else body
    signature = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().encode()
    headers = [(b"x-signature", signature), (b"x-delivery", delivery.encode())]
    return [*headers, (b"x-timestamp", ts)] if at else headers


@dataclass
class Answer:
    """What the inlet answered."""

    status: int = 0
    headers: Pairs = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.headers if key == name.encode()), None)


def scope_for(path: str, *, method: str, headers: Pairs, query: bytes, ip: str) -> dict[str, Any]:
    """Return what an ASGI server says of a request."""
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": headers,
        "client": (ip, 4711),
    }


async def post(
    app: Callable[..., Awaitable[None]],
    path: str,
    body: bytes | Sequence[bytes] = b"",
    headers: Pairs | None = None,
    *,
    method: str = "POST",
    query: bytes = b"",
    ip: str = "198.51.100.7",
    is_gone: bool = False,
) -> Answer:
    """Send one request; a list is a chunked body."""
    answer = Answer()
    parts = [body] if isinstance(body, bytes) else list(body)
    turns: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": is_gone or n < len(parts) - 1}
        for n, part in enumerate(parts)
    ]

    async def receive() -> dict[str, Any]:
        return turns.pop(0) if turns else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.body += message["body"]

    await app(scope_for(path, method=method, headers=headers or [], query=query, ip=ip), receive, send)
    return answer


def with_inlet(story: Callable[[Inlet], Awaitable[Any]], *, now: datetime = NOW) -> Any:
    """Run a story against an inlet of its own."""

    from integrations.webhooks.app import Inlet  # here: a benchmark sends without settings

    async def whole() -> Any:
        inlet = Inlet(now=lambda: now)
        await inlet.start()
        try:
            return await story(inlet)
        finally:
            await inlet.close()

    return asyncio.run(whole())


def post_once(path: str, body: bytes | Sequence[bytes] = b"", headers: Pairs | None = None, **options: Any) -> Answer:
    """Send one request to an inlet of its own."""
    now = options.pop("now", NOW)
    return with_inlet(lambda inlet: post(inlet.handle, path, body, headers, **options), now=now)
