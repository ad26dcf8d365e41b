"""What may be kept, under which key, and what a kept answer says of its age. Pure.

The cache is a private one (RFC 9111 section 1): it is one gateway token's own, so `private` and the shared caches'
directives change nothing. It follows `no-store` of either side, and since all that it ever does is to serve stale, it
keeps nothing whose server forbids just that: `no-cache` and `must-revalidate` (section 4.2.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from integrations.outbound.relaying import HOP_BY_HOP

Headers = list[tuple[bytes, bytes]]

MOST_BODY_BYTES = 1024 * 1024
FORBIDDEN = ("no-store", "no-cache", "must-revalidate")
WARNING = b'110 - "Response is Stale"'

# What says nothing of which answer is wanted: it belongs to the connection, traces a call, or asks whether an answer
# is still good. Every other header is part of the key: Stripe-Account or Xero-Tenant-Id choose whose data it is.
NEUTRAL = HOP_BY_HOP | {
    b"host", b"content-length", b"date", b"expect", b"pragma", b"cache-control", b"via", b"forwarded", b"cookie",
    b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range", b"priority",
    b"traceparent", b"tracestate", b"baggage", b"sentry-trace", b"x-request-id", b"x-correlation-id", b"request-id",
    b"x-amzn-trace-id", b"x-cloud-trace-context", b"idempotency-key",
}  # fmt: skip
NEUTRAL_PREFIXES = (b"x-keylodge-", b"x-forwarded-", b"x-b3-", b"x-stainless-")
NEVER_SENT = frozenset({b"cookie", b"authorization"})  # what Vary names of these is the same for every call


def why_not(method: str, request: Headers, *, status: int, headers: Headers) -> str:
    """Return why an answer is not kept, in a word that the caller hears; "" where it may be."""
    if method != "GET" or status != 200:
        return "not-a-get" if method != "GET" else "not-ok"
    if any(name.lower() == b"range" for name, _ in request):
        return "range"
    if "no-store" in _directives(request):
        return "no-store"
    said = _directives(headers)
    if found := next((word for word in FORBIDDEN if word in said), ""):
        return found
    if not _is_told_apart(headers):
        return "vary"
    folded = {name.lower(): value for name, value in headers}
    if folded.get(b"content-type", b"").lower().startswith(b"text/event-stream"):
        return "stream"
    length = folded.get(b"content-length", b"")
    return "too-large" if length.isdigit() and int(length) > MOST_BODY_BYTES else ""


def _directives(headers: Headers) -> set[str]:
    said = b",".join(value for name, value in headers if name.lower() == b"cache-control").decode("latin-1").lower()
    return {word.partition("=")[0].strip() for word in said.split(",")}


def _is_told_apart(headers: Headers) -> bool:
    """Tell whether everything that Vary names is part of the key."""
    named = b",".join(value for name, value in headers if name.lower() == b"vary").lower().split(b",")
    names = {name.strip() for name in named} - {b""} - NEVER_SENT
    return b"*" not in names and not any(_is_neutral(name) for name in names)


def _is_neutral(name: bytes) -> bool:
    return name in NEUTRAL or name.startswith(NEUTRAL_PREFIXES)


def key_text(parts: Iterable[object], *, target: bytes, headers: Headers, carriers: frozenset[str]) -> bytes:
    """Return what an answer depends on, as bytes that are the same for the same request alone.

    `parts` say whose it is; `carriers` are the slots of the gateway token, which `parts` name already.
    """
    carried = {slot[7:].encode("latin-1") for slot in carriers if slot.startswith("header:")}
    lower = sorted((name.lower(), value) for name, value in headers)
    kept = [(name, value) for name, value in lower if name not in carried and not _is_neutral(name)]
    pieces = [*(str(part).encode() for part in parts), target, *(piece for pair in kept for piece in pair)]
    return b"".join(b"%d:%b," % (len(piece), piece) for piece in pieces)


def stale_headers(headers: Headers, *, stored_at: datetime, now: datetime) -> Headers:
    """Return the head of a kept answer as it goes out: with its age and the sign that it is stale."""
    dropped = (b"age", b"warning", b"content-length")
    kept = [(name, value) for name, value in headers if name.lower() not in dropped]
    return [*kept, (b"age", b"%d" % age_s(headers, stored_at=stored_at, now=now)), (b"warning", WARNING)]


def age_s(headers: Headers, *, stored_at: datetime, now: datetime) -> int:
    """Return how many seconds ago the provider made an answer: what it said itself, and the time kept since."""
    said = next((value for name, value in headers if name.lower() == b"age"), b"")
    before = int(said) if said.isdigit() and len(said) < 10 else 0
    return before + max(0, round((now - stored_at).total_seconds()))
