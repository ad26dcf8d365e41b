"""Where the calls of a connection went, from the counts of places by hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Sum

from dashboard.usage.history import Column
from integrations.models import PathHour

MOST_SHOWN = 20


@dataclass(frozen=True)
class PlaceUse:
    """One place; an empty path is all those that were too many to be counted one by one."""

    method: str
    path: str
    calls: int
    failed: int
    percent: float


def places_of(connection_id: UUID, *, columns: Sequence[Column]) -> list[PlaceUse]:
    """Return the places that were called most, in one query. The connection was already found visible."""
    rows = PathHour.objects.filter(connection_id=connection_id, hour__gte=columns[0].start.replace(minute=0)).order_by()
    sums = sorted(
        rows.values_list("method", "path").annotate(Sum("calls"), Sum("failed")), key=lambda row: (-row[2], row[:2])
    )
    total = sum(row[2] for row in sums) or 1
    shown = [PlaceUse(method, path, calls, failed, 100 * calls / total) for method, path, calls, failed in sums]
    return shown[:MOST_SHOWN]
