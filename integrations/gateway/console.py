"""A test call: one call that a person makes through this gateway, without a gateway token.

It goes the way of every other call: the same target, host binding, injection, repeats and call log.
Only the token is missing, since its text is kept nowhere: the person's own right stands in its place,
and the caller of this function has checked it. There is no URL to give, only a path.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from integrations import tokens
from integrations.call_log import CallWriter
from integrations.call_log.known import ClientValues
from integrations.call_log.record import CallRecord
from integrations.call_log.rows import masked_body, masked_path, storable, told
from integrations.causes import Cause, explain
from integrations.gateway.again import Again, spend
from integrations.gateway.app import Gateway
from integrations.gateway.body import BodyOnce, CallerBody
from integrations.gateway.lookup import Lookup
from integrations.gateway.problems import Problem
from integrations.gateway.route import Route, TokenFacts, routed
from integrations.gateway.trace import KEPT_BYTES, Trace
from integrations.models import Connection
from integrations.models.call import NO_TOKEN
from integrations.outbound import OutboundError
from integrations.status import record
from secrets_vault.actor import Actor
from secrets_vault.ids import uuid7
from secrets_vault.masking import Masker, mask_head
from secrets_vault.masking.known import KnownValues, Together

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
Headers = list[tuple[bytes, bytes]]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Tried:
    """What a test call came to. Head and body are masked; `why` explains a failure."""

    request_id: UUID
    status: int | None
    code: str
    attempts: int
    total_ms: float
    path: str
    head: str
    body: str
    readings: tuple[dict[str, object], ...]
    has_failed: bool
    why: Cause | None


def try_call(
    connection: Connection,
    *,
    method: str,
    path: str,
    body: str = "",
    headers: Sequence[Pair] = (),
    actor: Actor,
    approval: UUID,
    again: Again | None = None,
) -> Tried:
    """Make one call on a connection as a person and return what came of it; it is in the call log by then.

    `path` is what would follow the connection's name in the gateway's address, with its query, in ASCII. `again`
    names the call of the log that this one makes again. An `approval` sends one call: raises AlreadyMade where it was
    spent.
    """
    asked = _Asked(
        method, path, body.encode(), tuple((n.lower().encode(), v.encode()) for n, v in headers), again=again
    )
    with transaction.atomic():
        spend(approval, call_id=asked.id, connection=connection, again=again)
        if again is None:
            record(connection, "connection.test_call", actor=actor, method=method)
        else:
            record(connection, "connection.called_again", actor=actor, method=method, call=str(again.of.pk))
    return _tried(*asyncio.run(_call(connection, asked, actor=actor)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the person wants sent."""

    method: str
    path: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    id: UUID = field(default_factory=uuid7)
    again: Again | None = None


async def _call(connection: Connection, asked: _Asked, *, actor: Actor) -> tuple[CallRecord | None, _Answer]:
    writer = _Keeping()
    gateway = Gateway(lookup=_OwnRight(connection, actor, is_again=asked.again is not None), writer=writer)
    answer = _Answer()
    await gateway.start()
    path, query, headers = _parts(connection, asked)
    trace = Trace(method=asked.method, upstream_target=path, request_headers=headers, caller_ip=actor.ip, id=asked.id)
    trace.key_id = asked.again.key_id if asked.again else None
    body = CallerBody(BodyOnce(asked.body), headers)
    try:
        await gateway.carry(trace, path, query, body=body, send=answer.take)
    except OutboundError:
        pass  # the answer broke off: its record says so
    finally:
        await gateway.drain()
    return writer.kept, answer


def _parts(connection: Connection, asked: _Asked) -> tuple[bytes, bytes, Headers]:
    """Return the path at the gateway, the query and the headers."""
    raw, _, query = asked.path.encode("ascii").partition(b"?")
    # Nobody holds this token and nothing is stored of it: it fills the place where one is looked for.
    headers = [(b"x-keylodge-token", tokens.new_text().encode()), *asked.headers]
    given = {name for name, _value in asked.headers}
    if b"accept" not in given:
        headers.append((b"accept", b"application/json, */*;q=0.5"))
    if asked.body:
        media = b"application/json" if _is_json(asked.body) else b"text/plain; charset=utf-8"
        headers += [] if b"content-type" in given else [(b"content-type", media)]
        headers.append((b"content-length", b"%d" % len(asked.body)))
    return b"/gateway/" + connection.slug.encode() + raw, query, headers


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


class _OwnRight(Lookup):
    """Finds the one connection for the person who may manage it, whatever the token says."""

    def __init__(self, connection: Connection, actor: Actor, *, is_again: bool) -> None:
        super().__init__()
        what = "Made again" if is_again else "Test call"
        self._connection_id = connection.pk
        self._token = TokenFacts(
            id=NO_TOKEN,
            name=f"{what} by {actor.label or actor.kind}"[:120],
            client_id=connection.client_id,
            methods=frozenset(),
            paths=(),
            per_minute=None,
            per_day=None,
            min_gap_s=None,
            max_uses=None,
            expires_at=None,
            networks=(),
        )

    async def route(self, token_text: str, slug: str) -> Route:
        """Return the way of this connection; raises Problem connection_not_found when it is gone."""
        return await self.in_thread(self._own)

    def _own(self) -> Route:
        rows = Connection.objects.select_related("client", "environment", "secret__current")
        connection = rows.filter(pk=self._connection_id).first()
        if connection is None:
            raise Problem("connection_not_found")
        return routed(self._token, connection)


class _Keeping(CallWriter):
    """Writes the call log and remembers the one record."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: CallRecord | None = None

    def put(self, record: CallRecord) -> None:
        """Keep the record and write it."""
        self.kept = record
        super().put(record)


class _Answer:
    """What came back, up to what a page shows."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: Headers = []
        self.body = b""

    async def take(self, message: MutableMapping[str, Any]) -> None:
        """Accept one message of the answer."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif len(self.body) < KEPT_BYTES:
            self.body += message.get("body", b"")[: KEPT_BYTES - len(self.body)]


def _tried(kept: CallRecord | None, answer: _Answer) -> Tried:
    """Return the outcome with everything masked that came from outside, by all that the client holds too."""
    if kept is None:  # the connection ended between the page and the call
        raise Problem("connection_not_found")
    held = ClientValues().of([kept.client_id])[kept.client_id]
    masker = Masker(Together(KnownValues(value for value in kept.known if value), held))
    body = masked_body(answer.body, answer.headers, masker)
    provider = kept.provider or kept.provider_key
    return Tried(
        request_id=kept.id,
        status=answer.status,
        code=kept.code,
        attempts=kept.attempts,
        total_ms=kept.total_ms,
        path=masked_path(kept.target, masker, host=kept.host),
        readings=tuple(told(reading) for reading in kept.readings),
        head=storable(mask_head(answer.headers, masker)),
        body=body,
        has_failed=kept.has_failed,
        why=explain(provider, answer.status, body, kept.code) if kept.has_failed else None,
    )
