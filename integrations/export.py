"""Calls, audit events and secrets' metadata as rows for other programs. Masked only: no value is opened here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from django.db.models import Model, QuerySet

from integrations import rotation_days
from integrations.models import Call, Connection
from integrations.models.call import FAILED_OUTCOMES, Source
from integrations.models.partitions import day_bound
from integrations.spreadsheet import Row
from secrets_vault import rotation
from secrets_vault.models import AuditEvent, Client, Environment, StoredSecret

BATCH = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CALLER_COLUMNS = ("jwt_issuer", "jwt_subject", "agent")
CALL_COLUMNS = (
    *("id", "at", "client", "environment", "connection", "token_name", "method", "host", "path", "status", "outcome"),
    *("attempts", "total_ms", "upstream_ms", "request_bytes", "response_bytes", "request_id"),
    *CALLER_COLUMNS,
    *("cause", "request_head", "response_head"),
)
AUDIT_COLUMNS = (
    *("seq", "at", "action", "actor_kind", "actor_id", "actor_label", "client", "object_kind", "object_id"),
    *("object_label", "details", "ciphertext_hash", "hash"),
)
SECRET_COLUMNS = (
    *("id", "client", "environment", "kind", "label", "provider", "owner", "where_used", "version", "made_on"),
    *("due_on", "state", "last_used_at", "expires_at", "created_at", "deleted_at"),
)


@dataclass(frozen=True)
class Names:
    """Slugs by id, since the call log and the book hold ids only. An id without a row stays as it is."""

    clients: dict[UUID, str]
    environments: dict[UUID, str]
    connections: dict[UUID, str]

    @classmethod
    def load(cls) -> Names:
        """Read them once for a whole export."""
        return cls(*(dict(kind.objects.values_list("pk", "slug")) for kind in (Client, Environment, Connection)))


def of(known: dict[UUID, str], key: UUID | None) -> str:
    """Return a slug, or the id where the row is gone."""
    return "" if key is None else known.get(key, str(key))


def calls(*, client: Client | None, since: datetime | None) -> Iterator[Row]:
    """Yield calls from the oldest to the newest, by keyset: memory stays flat however many there are."""
    rows = Call.objects.filter(source=Source.GATEWAY).order_by("pk")
    if client is not None:
        rows = rows.filter(client_id=client.pk)
    if since is not None:
        rows = rows.filter(pk__gte=day_bound(max(since, EPOCH).astimezone(UTC).date()), at__gte=since)
    names = Names.load()
    for call in _by_keyset(rows):
        yield call_row(call, names)


def call_row(call: Call, names: Names) -> Row:
    """Return one call by the names of its columns; cause and heads of a failed one only."""
    row = {
        "id": str(call.pk),
        "at": call.at.isoformat(),
        "client": of(names.clients, call.client_id),
        "environment": of(names.environments, call.environment_id),
        "connection": of(names.connections, call.connection_id),
        **{name: getattr(call, name) for name in (*CALL_COLUMNS[5:16], *CALLER_COLUMNS)},
        "request_id": str(call.pk),
    }
    if call.outcome in FAILED_OUTCOMES:
        row |= {"cause": call.cause, "request_head": call.request_head, "response_head": call.response_head}
    return row


def audit_events(*, client: Client | None, since: datetime | None) -> Iterator[Row]:
    """Yield the book from its first event on, with each event's hash."""
    rows = AuditEvent.objects.order_by("pk")
    if client is not None:
        rows = rows.filter(client_id=client.pk)
    if since is not None:
        rows = rows.filter(at__gte=since)
    names = Names.load()
    for event in _by_keyset(rows):
        row = {name: getattr(event, name) for name in AUDIT_COLUMNS if name != "client"}
        row |= {"at": event.at.isoformat(), "client": of(names.clients, event.client_id)}
        yield {name: row[name] for name in AUDIT_COLUMNS} | {"hash": bytes(event.hash).hex()}


def secrets(*, client: Client | None, since: datetime | None, today: date) -> Iterator[Row]:
    """Yield what is known about each secret, never its value; deleted ones too. `since` is when it was stored."""
    rows = StoredSecret.objects.select_related("client", "environment", "current", "owner").order_by("pk")
    rows = rows.exclude(kind=StoredSecret.Kind.SYSTEM)
    if client is not None:
        rows = rows.filter(client=client)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    days = rotation_days.by_provider()
    for stored in _by_keyset(rows):
        yield _secret_row(stored, today=today, days=days)


def _secret_row(stored: StoredSecret, *, today: date, days: rotation.ProviderDays) -> Row:
    due = rotation.due(stored, today, provider_days=days)
    current = stored.current
    return {
        "id": str(stored.pk),
        "client": stored.client.slug if stored.client else "",
        "environment": stored.environment.slug if stored.environment else "",
        "kind": stored.kind,
        "label": stored.label,
        "provider": stored.provider_key,
        "owner": stored.owner.name if stored.owner else stored.owner_name,
        "where_used": stored.where_used,
        "version": current.number if current else None,
        "made_on": _iso(current.made_on if current else None),
        "due_on": _iso(due.on if due else None),
        "state": due.state.value if due else "",
        "last_used_at": _iso(stored.last_used_at),
        "expires_at": _iso(current.expires_at if current else None),
        "created_at": _iso(stored.created_at),
        "deleted_at": _iso(stored.deleted_at),
    }


def _iso(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None


def _by_keyset[M: Model](rows: QuerySet[M]) -> Iterator[M]:
    """Yield rows in the order of their primary key, a batch at a time, without a long-lived read."""
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])
