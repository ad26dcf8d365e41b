"""From a record to a row: everything that came from outside goes through the masker here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID
from weakref import WeakKeyDictionary

from integrations.call_log.record import CallRecord, Headers
from integrations.call_log.upstream_ids import masked_id
from integrations.limits import Reading
from secrets_vault.masking import WITHHELD, Masker, mask_head, mask_path, mask_text
from secrets_vault.masking.known import KnownValues, Together

MAX_PATH = 4_000
MAX_AGENT = 80
MOST_AGENTS = 100

_agents: WeakKeyDictionary[Masker, dict[str, str]] = WeakKeyDictionary()


@dataclass(slots=True, kw_only=True)
class CallRow:
    """One row of the table of calls, its columns in the model's order. A model of Django's costs ten times as much."""

    id: UUID
    at: datetime
    client_id: UUID
    environment_id: UUID | None
    connection_id: UUID | None
    token_id: UUID | None
    token_name: str
    provider_key: str
    method: str
    host: str
    path: str
    status: int | None
    outcome: str
    code: str
    attempts: int
    total_ms: float
    upstream_ms: float
    request_bytes: int
    response_bytes: int
    group_id: UUID | None = None
    cause: str = ""
    request_head: str = ""
    request_body: str = ""
    response_head: str = ""
    response_body: str = ""
    timeline: list[Mapping[str, object]] | None = None
    reading: list[dict[str, object]] | None = None
    secret_version: int | None = None
    secret_age_s: float | None = None
    caller_ip: str = ""
    jwt_issuer: str = ""
    jwt_subject: str = ""
    agent: str = ""
    upstream_ref: str = ""


def masked_row(record: CallRecord, client_values: KnownValues | None = None) -> CallRow:
    """Return the row of a call. Heads and bodies are kept of failed calls only.

    Covered by value are what took part in the call, however short, and all that the client holds.
    """
    masker = masker_for(record.known, client_values)
    age_s = (record.at - record.secret_made_at).total_seconds() if record.secret_made_at else None
    row = CallRow(
        id=record.id,
        at=record.at,
        client_id=record.client_id,
        environment_id=record.environment_id,
        connection_id=record.connection_id,
        token_id=record.token_id,
        token_name=record.token_name,
        provider_key=record.provider_key,
        method=record.method[:16],
        host=record.host[:255],
        path=masked_path(record.target, masker, host=record.host),
        status=record.status,
        outcome=record.outcome.value,
        code=record.code,
        attempts=record.attempts,
        total_ms=round(record.total_ms, 2),
        upstream_ms=round(record.upstream_ms, 2),
        request_bytes=record.request_bytes,
        response_bytes=record.response_bytes,
        reading=[told(reading) for reading in record.readings] or None,
        secret_version=record.secret_version,
        secret_age_s=age_s,
        caller_ip=record.caller_ip,
        jwt_issuer=storable(record.jwt_issuer),
        jwt_subject=storable(record.jwt_subject),
        agent=masked_agent(record.agent.decode("latin-1"), masker),
        upstream_ref=masked_id(record.upstream_ref, masker),
    )
    if record.attempts > 1 or record.has_failed or any("paced_ms" in event for event in record.timeline):
        row.timeline = list(record.timeline)
    if record.has_failed:
        row.request_head = storable(mask_head(record.request_headers, masker))
        row.request_body = masked_body(record.request_body, record.request_headers, masker)
        row.response_head = storable(mask_head(record.response_headers, masker))
        row.response_body = masked_body(record.response_body, record.response_headers, masker)
    return row


@lru_cache(maxsize=128)
def masker_for(known: tuple[str, ...], client_values: KnownValues | None = None) -> Masker:
    """Return the masker for these values; building one costs more than a call does."""
    own = KnownValues(value for value in known if value)
    return Masker(own if client_values is None else Together(own, client_values))


def masked_path(target: bytes, masker: Masker, *, host: str) -> str:
    """Return the path and query at a host, masked and bounded."""
    if len(target) > MAX_PATH * 4:
        return WITHHELD
    return storable(mask_path(target.decode("latin-1"), masker, host=host))[:MAX_PATH]


def masked_agent(agent: str, masker: Masker) -> str:
    """Return what a program calls itself, masked whole before it is cut.

    Each masker's answers are remembered as long as it lives, and keep it alive no longer: it holds a client's secrets,
    and takes some hundred KB.
    """
    if len(agent) > MAX_AGENT * 4:
        return WITHHELD
    known = _agents.setdefault(masker, {})
    if agent not in known:
        if len(known) >= MOST_AGENTS:
            known.clear()
        known[agent] = storable(mask_text(agent, known=masker))[:MAX_AGENT]
    return known[agent]


def masked_body(body: bytes, headers: Headers, masker: Masker) -> str:
    """Return a body as masked text, at most 64 KB. Of a stream of events only the size is kept."""
    if not body:
        return ""
    media, encoding = _header(headers, b"content-type"), _header(headers, b"content-encoding")
    if (media or "").lower().startswith("text/event-stream"):
        return f"[a stream of {body.count(b'data:')} events, {len(body)} bytes: not kept]"
    return storable(mask_text(body, media=media, known=masker, encoding=encoding))


def _header(headers: Headers, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == wanted), None)


def storable(text: str) -> str:
    """Return the text without what PostgreSQL cannot store: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def told(reading: Reading) -> dict[str, object]:
    """Return a limit reading as JSON."""
    return {
        "bucket": reading.bucket,
        "limit": reading.limit,
        "remaining": reading.remaining,
        "window_s": reading.window_s,
        "resets_at": reading.resets_at.isoformat() if reading.resets_at else None,
    }
