"""Where a path that takes many records would do: a hundred calls an hour for one record each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Max, Sum

from integrations.models import PathHour

if TYPE_CHECKING:
    from integrations.providers.shape import Provider

SINGLE_CALLS = 100  # in an hour
LOOKED_AT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class BatchHint:
    """Calls that one path takes one by one, and the path that takes many of them."""

    method: str
    path: str
    busiest_hour: int
    calls: int
    many_method: str
    many: str
    most: int
    docs_url: str

    @property
    def needed(self) -> int:
        """Return how many calls would have done for the busiest hour."""
        return -(-self.busiest_hour // self.most)


def hints_of(connection_id: UUID, provider: Provider | None, *, now: datetime) -> list[BatchHint]:
    """Return what could be asked for together in the last 24 hours, the most calls first. One query, or none."""
    if provider is None or not provider.batch:
        return []
    rows = PathHour.objects.filter(connection_id=connection_id, hour__gt=now - LOOKED_AT, calls__gte=SINGLE_CALLS)
    busy = rows.exclude(path="").order_by().values_list("method", "path").annotate(Max("calls"), Sum("calls"))
    found = [hint for row in busy for hint in _hints(provider, *row)]
    return sorted(found, key=lambda hint: -hint.calls)


def _hints(provider: Provider, method: str, path: str, busiest: int, calls: int) -> Iterable[BatchHint]:
    for fact in provider.batch:
        if many := fact.many_for(method, path):
            yield BatchHint(method, path, busiest, calls, fact.many_method, many, fact.most, fact.docs_url)
            return
