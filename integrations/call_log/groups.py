"""Failed calls with the same cause become one error with a count and a state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.db.models import F
from django.db.models.functions import Greatest

from integrations.call_log import refused
from integrations.call_log.record import CallRecord
from integrations.call_log.rows import CallRow
from integrations.causes import Cause, explain, path_template
from integrations.models import ErrorGroup
from integrations.models.call import Source

State = ErrorGroup.State


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
    for key in sorted(counted):  # one order for all writers, so that two never wait for each other
        members = counted[key]
        group = count_in_group(key, members)
        for _, row, _ in members:
            row.group_id = group.pk


def count_in_group(
    key: bytes, members: Sequence[tuple[CallRecord, CallRow, Cause]], *, source: str = Source.GATEWAY
) -> ErrorGroup:
    """Count failures of the same kind in their group, made where there is none. In the caller's transaction."""
    return _seen_again(key, members) or _seen_first(key, members, source)


def group_key(record: CallRecord, row: CallRow, cause: Cause) -> bytes:
    """Return what makes two failures the same: connection, cause, status, method and place."""
    if cause.code == refused.CODE:
        return refused.key_of(record.connection_id)
    place = path_template(row.path.partition("?")[0])
    # An unknown cause says nothing of its own: there only status and place tell two errors apart.
    parts = (str(record.connection_id), cause.code, str(row.status), record.method, place)
    return sha256("\0".join(parts).encode()).digest()


def _seen_first(key: bytes, members: Sequence[tuple[CallRecord, CallRow, Cause]], source: str) -> ErrorGroup:
    record, row, cause = members[-1]
    is_folded = cause.code == refused.CODE
    made, is_new = ErrorGroup.objects.get_or_create(
        key_hash=key,
        defaults={
            "client_id": record.client_id,
            "environment_id": record.environment_id,
            "connection_id": record.connection_id,
            "source": source,
            "provider_key": record.provider_key,
            "status": row.status,
            "code": cause.code[:60],
            "title": cause.title[:200],
            "method": "" if is_folded else row.method,
            "path_template": "" if is_folded else path_template(row.path.partition("?")[0]),
            "cause": cause.cause,
            "remedy": cause.remedy,
            "who": cause.who,
            "count": len(members),
            "first_seen_at": min(r.at for r, _, _ in members),
            "last_seen_at": max(r.at for r, _, _ in members),
            "last_call_id": row.id,
        },
    )
    if not is_new:  # another process was first
        return _seen_again(key, members) or made
    return made


def _seen_again(key: bytes, members: Sequence[tuple[CallRecord, CallRow, Cause]]) -> ErrorGroup | None:
    """Add to a group that there is, and open it again where it was thought to be over."""
    group = ErrorGroup.objects.filter(key_hash=key).first()
    if group is None:
        return None
    record, row, cause = members[-1]
    last = max(r.at for r, _, _ in members)
    mine = ErrorGroup.objects.filter(pk=group.pk)
    mine.update(
        count=F("count") + len(members),
        last_seen_at=Greatest(F("last_seen_at"), last),
        last_call_id=row.id,
        title=cause.title[:200],
        cause=cause.cause,
        remedy=cause.remedy,
        who=cause.who,
    )
    state = _state_after(group, last)
    if state != group.state:
        mine.filter(state=group.state).update(state=state, state_changed_at=record.at, mended_at=None)
    return group


def _state_after(group: ErrorGroup, last: datetime) -> str:
    """Return the state after a failure at `last`: what was resolved came back, a snooze that has ended is open."""
    is_later = group.state_changed_at is None or last > group.state_changed_at
    if group.state == State.RESOLVED and is_later:
        return State.CAME_BACK
    if group.state == State.SNOOZED and group.snoozed_until is not None and group.snoozed_until <= last:
        return State.OPEN
    return group.state
