"""What a batch adds up to, found in one pass over it: hours, minutes and days are sums of these sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from integrations.call_log.counting import add_to_counts
from integrations.call_log.record import CallRecord
from integrations.models import CallHour, ClientHour
from integrations.models.call import NO_TOKEN, Outcome

Caller = tuple[UUID, UUID, UUID]  # connection, client, token
Moments = Mapping[tuple[Caller, datetime], Sequence[float]]
HourKey = tuple[UUID, UUID, UUID, datetime]  # connection, client, token, the hour's start

COUNTS = ("calls", "failed", "limited", "repeated", "total_ms")
HOUR = ("connection_id", "client_id", "token_id", "hour", *COUNTS)
CLIENT_COUNTS = COUNTS[:3]
CLIENT_HOUR = ("client_id", "hour", *CLIENT_COUNTS)


def tally(records: Iterable[CallRecord]) -> dict[tuple[Caller, datetime], list[float]]:
    """Return the counts (`COUNTS`) of each caller and minute, in the order that every process keeps."""
    # Numbers for keys: a UUID's own hash is a function in Python, and this runs for every call.
    found: dict[tuple[int, int, datetime], tuple[Caller, list[float]]] = {}
    ok = Outcome.OK
    for record in records:
        connection, token = record.connection_id, record.token_id or NO_TOKEN
        if connection is None:
            continue
        key = (connection.int, token.int, record.at.replace(second=0, microsecond=0))
        caller = found.get(key)
        if caller is None:
            caller = found[key] = ((connection, record.client_id, token), [0, 0, 0, 0, 0.0])
        sums = caller[1]
        sums[0] += 1
        sums[4] += record.total_ms
        if record.outcome is not ok:
            sums[1] += record.has_failed
            sums[2] += record.outcome is Outcome.LIMITED
        if record.attempts > 1:
            sums[3] += record.attempts - 1
    return {(found[key][0], key[2]): found[key][1] for key in sorted(found)}


def add_hours(moments: Moments) -> None:
    """Add a batch to the counts of its hours: those of each connection and token, and those of each client."""
    sums: dict[HourKey, list[float]] = {}
    for (caller, minute), counts in moments.items():
        hour = sums.setdefault((*caller, minute.replace(minute=0)), [0] * len(COUNTS))
        for place, count in enumerate(counts):
            hour[place] += count
    add_to_counts(
        CallHour,
        HOUR,
        [(*key, *counts) for key, counts in sums.items()],
        unique="connection_id, token_id, hour",
        counts=COUNTS,
    )
    add_to_counts(ClientHour, CLIENT_HOUR, client_hours(sums), unique="client_id, hour", counts=CLIENT_COUNTS)


def client_hours(sums: Mapping[HourKey, Sequence[float]]) -> list[tuple[UUID, datetime, int, int, int]]:
    """Return the counts of connections and tokens added up by client: `CLIENT_HOUR` for each hour."""
    clients: dict[tuple[UUID, datetime], list[int]] = {}
    for (_connection, client, _token, hour), counts in sums.items():
        mine = clients.setdefault((client, hour), [0] * len(CLIENT_COUNTS))
        for place in range(len(CLIENT_COUNTS)):
            mine[place] += int(counts[place])
    return [
        (client, hour, calls, failed, limited) for (client, hour), (calls, failed, limited) in sorted(clients.items())
    ]
