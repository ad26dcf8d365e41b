"""Keeps what was verified, with its deliveries, in one transaction. Only after it is the sender answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from integrations.webhooks import filters, forwarding, inserting, sealing
from integrations.webhooks.endpoints import scheme_of
from integrations.webhooks.replay import identity_of
from secrets_vault import vault
from secrets_vault.ids import uuid7

if TYPE_CHECKING:
    from integrations.webhooks.request import WebhookRequest
    from integrations.webhooks.verdicts import Verified

BODY_DIGEST = "webhook-body"
LONGEST_TYPE = 120
NOTED_EVERY = timedelta(seconds=5)
Events = QuerySet[WebhookEvent]

_noted: dict[UUID, datetime] = {}


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """The event under which a request is known. A duplicate has the id of the one that came first."""

    id: UUID
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A verified request on its way into the database."""

    endpoint: WebhookEndpoint
    request: WebhookRequest = field(repr=False)
    verified: Verified
    at: datetime
    remote_ip: str = ""
    is_repeating: bool = False
    id: UUID = field(default_factory=uuid7)


def store(
    endpoint: WebhookEndpoint, request: WebhookRequest, verified: Verified, *, now: datetime, remote_ip: str = ""
) -> StoredEvent:
    """Keep one verified request and its deliveries; return when they are on disk. Raises DatabaseError."""
    scheme = scheme_of(endpoint)
    is_repeating = scheme is not None and scheme.repeats_identically
    return write([Arrival(endpoint, request, verified, now, remote_ip, is_repeating)])[0]


def write(arrivals: Sequence[Arrival]) -> list[StoredEvent]:
    """Keep several requests in one transaction; answer for each in turn whether it was new."""
    with transaction.atomic(savepoint=False):
        rows = [row_of(arrival) for arrival in arrivals]
        new = insert(rows)
        arrived = [(row, arrival.request) for row, arrival in zip(rows, arrivals, strict=True) if row.pk in new]
        deliver(arrived, now=max(row.received_at for row in rows))
        firsts = count_duplicates([row for row in rows if row.pk not in new])
        _note_events(arrivals)
    return [StoredEvent(firsts.get(row.pk, row.pk), row.pk not in new) for row in rows]


def _note_events(arrivals: Sequence[Arrival]) -> None:
    """Write when each endpoint last heard of its vendor, a few times a minute: every event would wait for that row."""
    newest: dict[UUID, datetime] = {}
    for arrival in arrivals:
        newest[arrival.endpoint.pk] = max(arrival.at, newest.get(arrival.endpoint.pk, arrival.at))
    for endpoint_id, at in sorted(newest.items()):
        noted = _noted.get(endpoint_id)
        if noted is None or not timedelta(0) <= at - noted < NOTED_EVERY:
            WebhookEndpoint.objects.filter(pk=endpoint_id).update(last_event_at=at)
            _noted[endpoint_id] = at


def row_of(arrival: Arrival) -> WebhookEvent:
    """Return the sealed row of a verified request, not saved yet."""
    return WebhookEvent(
        **sealed(arrival.id, arrival.endpoint, arrival.request),
        received_at=arrival.at,
        remote_ip=arrival.remote_ip,
        **proven_columns(arrival.verified, is_repeating=arrival.is_repeating),
    )


def proven_columns(verified: Verified, *, is_repeating: bool) -> dict[str, Any]:
    """Return the columns that only a verified request has."""
    identity = identity_of(verified, is_repeating=is_repeating)
    return {
        "signed_at": verified.signed_at,
        "event_key": identity.event_key,
        "replay_digest": identity.replay_digest,
        "event_type": said_type(verified.event_type),
        "secret_number": verified.secret_number,
    }


def sealed(event_id: UUID, endpoint: WebhookEndpoint, request: WebhookRequest) -> dict[str, Any]:
    """Return the columns that hold a request, as ciphertext under its client's keyring."""
    client = endpoint.client
    return {
        "id": event_id,
        "endpoint_id": endpoint.pk,
        "client_id": client.pk,
        "method": request.method[:16],
        "body_bytes": len(request.body),
        "body_digest": vault.keyed_hash(BODY_DIGEST, request.body),
        "head_sealed": sealing.seal_head(request, event_id=event_id, client=client),
        "body_sealed": sealing.seal_body(request.body, event_id=event_id, client=client),
    }


def said_type(event_type: str | None) -> str:
    """Return the type a vendor gave an event, as far as it can be stored and shown."""
    return "".join(letter for letter in event_type or "" if letter.isprintable())[:LONGEST_TYPE]


def insert(rows: Sequence[WebhookEvent]) -> set[UUID]:
    """Insert the rows that are new; return their ids.

    One statement: of two requests with the same key at the same moment, in this process or another, one waits for
    the other's commit and then is the duplicate. In the order of their keys, so that two batches do not wait for
    each other in a circle.
    """
    ordered = sorted(
        rows, key=lambda row: (row.endpoint_id.bytes, row.event_key or "", bytes(row.replay_digest or b""))
    )
    return inserting.insert_new(ordered)


def deliver(arrived: Sequence[tuple[WebhookEvent, WebhookRequest]], *, now: datetime) -> None:
    """Write a delivery for each target of each event, in the transaction that stores or releases the event.

    Where a target's filter does not fit, the delivery is there too, as skipped, and says why.
    """
    targets = inserting.targets_of({event.endpoint_id for event, _ in arrived})
    rows = [
        delivery
        for event, request in arrived
        for delivery in _deliveries(event, request.body, targets=targets.get(event.endpoint_id, ()), now=now)
    ]
    # An ordered endpoint hands on in the order of the ids, and those of one millisecond have none.
    for row, delivery_id in zip(rows, sorted(row.pk for row in rows), strict=True):
        row.pk = delivery_id
    inserting.insert(rows)
    if rows:
        forwarding.ring()


def _deliveries(
    event: WebhookEvent, body: bytes, *, targets: Sequence[inserting.Wanting], now: datetime
) -> Iterator[WebhookDelivery]:
    """Yield an event's delivery to each target. The body is read as JSON once, and only where a filter asks."""
    read = filters.read_json(body) if any(target.filter for target in targets) else (None, False)
    for target in targets:
        match = filters.judge_document(target.filter, read)
        state = WebhookDelivery.State.WAITING if match.is_match else WebhookDelivery.State.SKIPPED
        yield WebhookDelivery(
            event_id=event.pk,
            target_id=target.id,
            endpoint_id=event.endpoint_id,
            created_at=now,
            state=state,
            next_at=now if match.is_match else None,
            last_error=match.reason,
        )


def count_duplicates(rows: Sequence[WebhookEvent]) -> dict[UUID, UUID]:
    """Count on the first event of each duplicate that it came again; return the first one's id by the duplicate's."""
    counts: dict[UUID, list[WebhookEvent]] = {}
    firsts: dict[UUID, UUID] = {}
    for row in rows:
        first = _first_of(row)
        if first is not None:
            firsts[row.pk] = first
            counts.setdefault(first, []).append(row)
    for first, again in sorted(counts.items()):
        newest = max(row.received_at for row in again)
        came = {"duplicates": F("duplicates") + len(again), "last_duplicate_at": newest}
        WebhookEvent.objects.filter(pk=first).update(**came)
    return firsts


def _first_of(row: WebhookEvent) -> UUID | None:
    """Return the event that has one of its keys; None where it has none: then the row itself was written before."""
    if row.event_key is None and row.replay_digest is None:
        return None
    same = Q()
    if row.event_key is not None:
        same |= Q(event_key=row.event_key)
    if row.replay_digest is not None:
        same |= Q(replay_digest=row.replay_digest)
    found: UUID | None = (
        WebhookEvent.objects.filter(same, endpoint=row.endpoint_id).order_by("id").values_list("pk", flat=True).first()
    )
    return found
