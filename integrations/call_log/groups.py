"""Failed calls with the same cause become one error with a count and a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connections

from integrations.call_log import refused
from integrations.call_log.counting import put
from integrations.call_log.record import CallRecord
from integrations.call_log.rows import CallRow
from integrations.causes import Cause, explain, path_template
from integrations.models import ErrorGroup
from integrations.models.call import Source
from integrations.models.router import calls_alias
from secrets_vault.ids import uuid7

State = ErrorGroup.State
Members = Sequence[tuple[CallRecord, CallRow, Cause]]


def group_failures(records: Sequence[CallRecord], rows: Sequence[CallRow]) -> None:
    """Say why each failed call failed, and count it in its group. In the caller's transaction."""
    counted: dict[bytes, list[tuple[CallRecord, CallRow, Cause]]] = {}
    broken = refused.broken_among(records)
    for record, row in zip(records, rows, strict=True):
        if record.has_failed:
            cause = explain(record.provider or record.provider_key, row.status, row.response_body, record.code)
            row.cause = cause.cause
            if record.connection_id is not None:
                if refused.is_refused(row.status, record.code, cause, is_broken=record.connection_id in broken):
                    cause = refused.folded(cause)
                counted.setdefault(group_key(record, row, cause), []).append((record, row, cause))
    found = count_in_groups(counted)
    for key, members in counted.items():
        for _, row, _ in members:
            row.group_id = found[key]


def count_in_group(key: bytes, members: Members, *, source: str = Source.GATEWAY) -> UUID:
    """Count failures of the same kind in their group, made where there is none. In the caller's transaction."""
    return count_in_groups({key: members}, source=source)[key]


def count_in_groups(counted: Mapping[bytes, Members], *, source: str = Source.GATEWAY) -> dict[bytes, UUID]:
    """Count failures in the groups of their keys, made where there are none; return the groups' ids.

    Three statements, however many groups: an error a row would cost as much as all else that the log does.
    """
    if not counted:
        return {}
    keys = sorted(counted)  # one order for all writers, so that two never wait for each other
    before = _groups(keys)
    add_to_groups(_row(key, counted[key], source) for key in keys)
    for key, group in before.items():
        _may_come_back(group, counted[key])
    if len(before) < len(keys):
        before |= _groups([key for key in keys if key not in before])
    return {key: group.pk for key, group in before.items()}


def group_key(record: CallRecord, row: CallRow, cause: Cause) -> bytes:
    """Return what makes two failures the same: connection, cause, status, method and place."""
    if cause.code == refused.CODE:
        return refused.key_of(record.connection_id)
    place = path_template(row.path.partition("?")[0])
    # An unknown cause says nothing of its own: there only status and place tell two errors apart.
    parts = (str(record.connection_id), cause.code, str(row.status), record.method, place)
    return sha256("\0".join(parts).encode()).digest()


def _groups(keys: Sequence[bytes]) -> dict[bytes, ErrorGroup]:
    rows = ErrorGroup.objects.filter(key_hash__in=keys).only("key_hash", "state", "state_changed_at", "snoozed_until")
    return {bytes(row.key_hash): row for row in rows.order_by()}


def _row(key: bytes, members: Members, source: str) -> tuple[Any, ...]:
    """Return the columns (`COLUMNS`) of a group as these failures make it."""
    record, row, cause = members[-1]
    is_folded = cause.code == refused.CODE
    return (
        uuid7(),
        key,
        record.client_id,
        record.environment_id,
        record.connection_id,
        str(source),
        record.provider_key,
        row.status,
        cause.code[:60],
        "" if is_folded else row.method,
        "" if is_folded else path_template(row.path.partition("?")[0]),
        State.OPEN.value,
        min(r.at for r, _, _ in members),
        len(members),
        max(r.at for r, _, _ in members),
        row.id,
        cause.title[:200],
        cause.cause,
        cause.remedy,
        cause.who,
    )


NEWS = ("last_call_id", "title", "cause", "remedy", "who")
COLUMNS = (
    *("id", "key_hash", "client_id", "environment_id", "connection_id", "source", "provider_key", "status", "code"),
    *("method", "path_template", "state", "first_seen_at", "count", "last_seen_at", *NEWS),
)


def add_to_groups(rows: Iterable[tuple[Any, ...]]) -> None:
    """Make groups, or add to those that are there: the count grows, the newest words stand, no time goes back."""
    table = ErrorGroup._meta.db_table
    later = "GREATEST" if connections[calls_alias()].vendor == "postgresql" else "MAX"
    set_to = (
        f"count = {table}.count + excluded.count",
        f"last_seen_at = {later}({table}.last_seen_at, excluded.last_seen_at)",
        *(f"{name} = excluded.{name}" for name in NEWS),
    )
    put(ErrorGroup, COLUMNS, rows, unique="key_hash", set_to=set_to)


def _may_come_back(group: ErrorGroup, members: Members) -> None:
    """Open a group again where it was thought to be over."""
    state = _state_after(group, max(r.at for r, _, _ in members))
    if state != group.state:
        mine = ErrorGroup.objects.filter(pk=group.pk, state=group.state)
        mine.update(state=state, state_changed_at=members[-1][0].at, mended_at=None)


def _state_after(group: ErrorGroup, last: datetime) -> str:
    """Return the state after a failure at `last`: what was resolved came back, a snooze that has ended is open."""
    is_later = group.state_changed_at is None or last > group.state_changed_at
    if group.state == State.RESOLVED and is_later:
        return State.CAME_BACK
    if group.state == State.SNOOZED and group.snoozed_until is not None and group.snoozed_until <= last:
        return State.OPEN
    return group.state
