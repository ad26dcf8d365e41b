"""How long the calls of a client are kept, and what failed ones said: by its own days, else by everybody's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from integrations.models import Call, ClientHour
from secrets_vault.ids import id_at
from secrets_vault.models import Client


@dataclass(frozen=True, slots=True)
class Kept:
    """The days that hold for everybody, and those of the clients that have days of their own."""

    days: int
    of: Mapping[UUID, int]

    @classmethod
    def calls(cls) -> Kept:
        """Return for how long calls are kept."""
        return cls(int(settings.KEYLODGE_KEEP_CALLS_DAYS), _own("keep_calls_days"))

    @classmethod
    def bodies(cls) -> Kept:
        """Return for how long the heads and bodies of failed calls are kept."""
        return cls(int(settings.KEYLODGE_KEEP_BODIES_DAYS), _own("keep_bodies_days"))

    @property
    def longest(self) -> timedelta:
        """Return the time after which nobody's are kept."""
        return timedelta(days=max(self.days, *self.of.values()) if self.of else self.days)

    def days_of(self, client_id: UUID) -> int:
        """Return the days that hold for a client."""
        return self.of.get(client_id, self.days)

    def over(self, *, now: datetime) -> Iterator[QuerySet[Call]]:
        """Yield the calls that are kept no longer, all together or client by client.

        Where one client's are kept longer than everybody's, the log is full of old rows that stay: looking through
        them every hour for those that go would read it all, so each client is asked by its own index.
        """
        yield _before(now, self.longest)
        if self.longest == timedelta(days=self.days):
            shorter = self.of
        else:
            shorter = {pk: self.days_of(pk) for pk in _everybody()}
        for client_id, days in shorter.items():
            if timedelta(days=days) < self.longest:
                yield _before(now, timedelta(days=days)).filter(client_id=client_id)


def _own(column: str) -> dict[UUID, int]:
    return dict(Client.objects.filter(**{f"{column}__isnull": False}).values_list("pk", column))


def _everybody() -> set[UUID]:
    """Return the clients that there are, and those whose calls are still counted."""
    counted = ClientHour.objects.order_by().values_list("client_id", flat=True).distinct()
    return {*Client.objects.values_list("pk", flat=True), *counted}


def _before(now: datetime, kept: timedelta) -> QuerySet[Call]:
    rows: QuerySet[Call] = Call.objects.filter(pk__lt=id_at(now - kept))
    return rows
