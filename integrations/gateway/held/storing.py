"""Keeps calls in one transaction: sealed rows, in the bounds of the queue, one for each key that a caller gave.

SQLite writes with `synchronous=FULL`; PostgreSQL is told to wait for its disk, whatever its server is set to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Sum

from integrations.call_log.known import ClientValues
from integrations.call_log.rows import masked_path, masker_for
from integrations.gateway.held import sealing
from integrations.gateway.held.draft import Draft, Kept, NotKept
from integrations.models import Connection, HeldCall, HeldLane
from integrations.models.held import OPEN_STATES
from integrations.states import is_one_of
from secrets_vault import vault
from secrets_vault.masking.known import KnownValues
from secrets_vault.models import Client

MOST_CALLS = 20_000
MOST_BYTES = 512 * 1024 * 1024
MOST_BYTES_OF_CLIENT = 1024 * 1024 * 1024
DURABLE = "SET LOCAL synchronous_commit TO ON"
KEY = "held-call"

Result = Kept | NotKept


def write(drafts: Sequence[Draft], values: ClientValues) -> list[Result]:
    """Keep several calls; return what came of each in turn. Raises DatabaseError: then none of them is known to be.

    Two with one key in two processes meet in the database: the second is written again, alone, and finds the first.
    """
    try:
        return _write(drafts, values)
    except IntegrityError:
        if len(drafts) == 1:
            found = known_as(drafts[0])
            return [found if found is not None else NotKept("gone")]
    return [result for draft in drafts for result in write([draft], values)]


def _write(drafts: Sequence[Draft], values: ClientValues) -> list[Result]:
    known = values.of({draft.client_id for draft in drafts})
    values.trim()
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(DURABLE)
        room, results = Room(), list[Result]()
        rows: list[HeldCall] = []
        by_key: dict[bytes, Draft] = {}
        for draft in drafts:
            result = _judged(draft, room, by_key)
            results.append(result)
            if isinstance(result, Kept) and not result.is_known:
                rows.append(_row(draft, known[draft.client_id]))
        lanes = [HeldLane(connection_id=pk) for pk in {row.connection_id for row in rows}]
        HeldLane.objects.bulk_create(lanes, ignore_conflicts=True)
        HeldCall.objects.bulk_create(rows)
    return results


def _judged(draft: Draft, room: Room, by_key: dict[bytes, Draft]) -> Result:
    """Return what becomes of a draft; `by_key` are those of its batch that have a key."""
    digest = key_digest(draft.token_id, draft.key, signer=draft.signer) if draft.key else b""
    if digest in by_key:
        first = by_key[digest]
        return Kept(first.id, first.state, is_known=True) if first.request == draft.request else NotKept("key_reused")
    found = known_as(draft)
    if found is not None:
        return found
    if not room.takes(draft):
        return NotKept("queue_full")
    if digest:
        by_key[digest] = draft
    return Kept(draft.id, draft.state)


@dataclass(slots=True)
class _Taken:
    calls: int
    bytes: int
    of_client: int


class Room:
    """What is left of the bounds, counted once for each connection of a batch."""

    def __init__(self) -> None:
        self._taken: dict[UUID, _Taken] = {}

    def takes(self, draft: Draft) -> bool:
        """Tell whether one more call has room, and count it."""
        taken = self._taken.get(draft.connection_id) or self._count(draft)
        is_full = (
            taken.calls >= MOST_CALLS
            or taken.bytes + draft.size > MOST_BYTES
            or taken.of_client + draft.size > MOST_BYTES_OF_CLIENT
        )
        if not is_full:
            taken.calls, taken.bytes, taken.of_client = (
                taken.calls + 1,
                taken.bytes + draft.size,
                taken.of_client + draft.size,
            )
        return not is_full

    def _count(self, draft: Draft) -> _Taken:
        own = Connection.objects.filter(client_id=draft.client_id).values("pk")
        rows = HeldCall.objects.filter(is_one_of(OPEN_STATES), connection__in=own).order_by()
        found = {
            row["connection_id"]: row for row in rows.values("connection_id").annotate(n=Count("pk"), b=Sum("size"))
        }
        mine = found.get(draft.connection_id, {"n": 0, "b": 0})
        taken = _Taken(mine["n"], mine["b"], sum(row["b"] for row in found.values()))
        self._taken[draft.connection_id] = taken
        return taken


def key_digest(token_id: UUID, key: str, *, signer: bytes = b"") -> bytes:
    """Return under what a caller's key is known: the keys of two tokens never meet, nor of two who sign in by JWT."""
    return vault.keyed_hash(KEY, token_id.bytes + signer + key.encode("ascii"))


def known_as(draft: Draft) -> Result | None:
    """Return the call that is known by this key; NotKept where that was another request. None where there is none."""
    if not draft.key:
        return None
    found = find(draft.token_id, draft.key, signer=draft.signer)
    if found is None:
        return None
    if found.head_sealed is not None and sealing.open_request(found, original=True) != draft.request:
        return NotKept("key_reused")
    return Kept(found.pk, found.state, is_known=True)


def find(token_id: UUID, key: str, *, signer: bytes = b"") -> HeldCall | None:
    """Return the held call that a caller's key names."""
    digest = key_digest(token_id, key, signer=signer)
    rows = HeldCall.objects.defer(None).filter(token_id=token_id, key_digest=digest)
    found: HeldCall | None = rows.first()
    return found


def event(what: str, *, now: datetime, **more: Any) -> dict[str, Any]:
    """Return one line of a held call's timeline."""
    return {"at": now.isoformat(), "what": what, **{name: value for name, value in more.items() if value}}


def _row(draft: Draft, values: KnownValues) -> HeldCall:
    request = draft.request
    callback = None
    if draft.callback:
        client = Client(pk=draft.client_id)
        callback = vault.seal_text(draft.callback, field="heldcall.callback_sealed", row_id=draft.id, client=client)
    return HeldCall(
        id=draft.id,
        client_id=draft.client_id,
        environment_id=draft.environment_id,
        connection_id=draft.connection_id,
        token_id=draft.token_id,
        token_name=draft.token_name[:120],
        held_at=draft.held_at,
        method=request.method[:16],
        host=draft.host[:255],
        path=masked_path(draft.shown, masker_for(draft.known, values), host=draft.host),
        body_bytes=len(request.body),
        size=draft.size,
        caller_ip=draft.caller_ip,
        is_counted=draft.is_counted,
        key_digest=key_digest(draft.token_id, draft.key, signer=draft.signer) if draft.key else None,
        signer=draft.signer or None,
        state=draft.state,
        code=draft.code,
        status=draft.status,
        timeline=[event("held", now=draft.held_at, code=draft.code, status=draft.status)],
        callback_sealed=callback,
        **sealing.seal_request(request, row_id=draft.id, client_id=draft.client_id),
    )
