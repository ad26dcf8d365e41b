"""What arrived in the last day, hour by hour: accepted, refused, and what came again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncHour
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dashboard.day import HOURS, first_hour
from integrations.models import WebhookEvent
from secrets_vault.ids import id_at

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint

HOUR = timedelta(hours=1)


@dataclass
class Hour:
    """What arrived in one hour."""

    start: datetime
    accepted: int = 0
    refused: int = 0
    again: int = 0

    @property
    def total(self) -> int:
        """Return how many requests came."""
        return self.accepted + self.refused + self.again

    @property
    def when(self) -> str:
        """Return the hour as the filter of events reads it."""
        return f"{self.start:%Y-%m-%d %H:%M} to {self.start + HOUR - timedelta(minutes=1):%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class Day:
    """The last 24 hours, oldest first."""

    hours: list[Hour]

    @property
    def tones(self) -> list[dict[str, int]]:
        """Return what the chart draws."""
        return [{"bad": hour.refused, "info": hour.again, "ok": hour.accepted} for hour in self.hours]

    @property
    def accepted(self) -> int:
        """Return how many events were accepted."""
        return sum(hour.accepted for hour in self.hours)

    @property
    def refused(self) -> int:
        """Return how many requests were refused and kept."""
        return sum(hour.refused for hour in self.hours)

    @property
    def again(self) -> int:
        """Return how many requests were copies."""
        return sum(hour.again for hour in self.hours)

    @property
    def words(self) -> str:
        """Say what the chart shows, for who does not see it."""
        return _("In the last 24 hours: {accepted} accepted, {refused} refused, {again} came again").format(
            accepted=self.accepted, refused=self.refused, again=self.again
        )

    @property
    def ticks(self) -> list[str]:
        """Return seven marks of the time axis."""
        starts = [self.hours[len(self.hours) * i // 6].start for i in range(6)]
        return [date_format(at, "H:i") for at in (*starts, self.hours[-1].start + HOUR)]

    @property
    def busy(self) -> list[Hour]:
        """Return the hours in which something came, newest first."""
        return [hour for hour in reversed(self.hours) if hour.total]


def day_of(endpoint: WebhookEndpoint, *, now: datetime) -> Day:
    """Return the last 24 hours of an endpoint in one query. `now` is in the viewer's zone.

    A copy counts in the hour of the event it repeats: only its number is kept.
    """
    first = first_hour(now)
    hours = [Hour(first + HOUR * i) for i in range(HOURS)]
    rows = WebhookEvent.objects.filter(endpoint=endpoint, pk__gte=id_at(first - HOUR), received_at__gte=first)
    grouped = rows.order_by().values(hour=TruncHour("received_at", tzinfo=now.tzinfo), kind=F("verdict"))
    for row in grouped.annotate(n=Count("pk"), again=Sum("duplicates")):
        hour = hours[min(HOURS - 1, int((row["hour"] - first) / HOUR))]
        if row["kind"] == WebhookEvent.Verdict.QUARANTINED:
            hour.refused += row["n"]
        else:
            hour.accepted += row["n"]
        hour.again += row["again"] or 0
    return Day(hours)
