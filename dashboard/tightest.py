"""Which limits are nearly used up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import ExpressionWrapper, F, FloatField, Max, Q

from dashboard.health import lightly
from dashboard.names import name_providers
from dashboard.words import bucket_words
from integrations.models import Connection, LimitReading

if TYPE_CHECKING:
    from django.db.models import QuerySet

USED = ExpressionWrapper(1.0 - F("remaining") * 1.0 / F("limit"), output_field=FloatField())


@dataclass(frozen=True)
class Tight:
    """A limit and the connection it belongs to."""

    reading: LimitReading
    connection: Any

    @property
    def used(self) -> int:
        """Return how much is used."""
        return max(0, (self.reading.limit or 0) - (self.reading.remaining or 0))

    @property
    def used_percent(self) -> float:
        """Return the share that is used."""
        return 100 * self.used / self.reading.limit if self.reading.limit else 0.0

    @property
    def bucket_words(self) -> str:
        """Return the bucket's name as a person reads it."""
        return bucket_words(self.reading.bucket)


def current(rows: QuerySet[LimitReading], now: datetime) -> QuerySet[Any]:
    """Keep readings that still mean something: a window that has ended is empty again."""
    rows = rows.filter(Q(resets_at=None) | Q(resets_at__gt=now), limit__gt=0, remaining__isnull=False)
    return rows.annotate(used_share=USED)


def tightest(client_ids: Iterable[UUID], *, now: datetime, most: int = 4) -> list[Tight]:
    """Return the limits nearest to their end, of clients already found visible, in two queries."""
    ids = set(client_ids)
    readings = LimitReading.objects.filter(client_id__in=ids)
    rows = list(current(readings, now).order_by("-used_share")[:most])
    # The client is compared here: a second list of hundreds of ids costs the database more than four rows do.
    found = lightly(Connection.objects.filter(pk__in=[row.connection_id for row in rows]))
    connections = {row.pk: row for row in name_providers(found) if row.client_id in ids}
    return [Tight(row, connections[row.connection_id]) for row in rows if row.connection_id in connections]


def least_left(client_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, float]:
    """Return what is left, in percent, of each client's tightest limit; a client without readings is absent."""
    rows = current(LimitReading.objects.filter(client_id__in=list(client_ids)), now).order_by()
    return {pk: 100 * (1 - used) for pk, used in rows.values_list("client_id").annotate(Max("used_share"))}
