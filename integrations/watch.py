"""Looks for connections whose calls fail, and for those that work again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Max, Q

from integrations import alerts, outages
from integrations.models import AlertEpisode, Call, Connection
from integrations.models.call import FAILED_OUTCOMES, Outcome, Source

WINDOW = timedelta(minutes=10)
SKEW = timedelta(minutes=1)  # a call of later than that is of a clock that has since been put back
MANY = 5
NOT_THE_CONNECTION = (Outcome.REFUSED.value, Outcome.CANCELLED.value)


def look(now: datetime) -> int:
    """Mail about connections with at least five failed calls in ten minutes; return how many changed."""
    failed_outcomes = [outcome for outcome in FAILED_OUTCOMES if outcome not in NOT_THE_CONNECTION]
    recent = (
        Call.objects.filter(at__range=(now - WINDOW, now + SKEW), connection_id__isnull=False, source=Source.GATEWAY)
        .order_by()
        .values("connection_id")
        .annotate(
            failed=Count("id", filter=Q(outcome__in=failed_outcomes)),
            fine=Count("id", filter=Q(outcome__in=[Outcome.OK, Outcome.RECOVERED])),
            code=Max("code", filter=Q(outcome__in=failed_outcomes)),
        )
    )
    counts = {row["connection_id"]: row for row in recent}
    return _report(counts, now=now) + _close(counts, now=now)


def _report(counts: dict[object, dict[str, object]], *, now: datetime) -> int:
    many = {pk: row for pk, row in counts.items() if int(str(row["failed"])) >= MANY}
    reported = 0
    for connection in Connection.objects.filter(pk__in=many).select_related("client", "environment"):
        row = many[connection.pk]
        if outages.outage_of(connection) is not None:
            continue  # told once for the provider, not once for each of its connections
        if alerts.failing(connection, code=str(row["code"] or ""), now=now, failed=int(str(row["failed"]))):
            reported += 1
    return reported


def _close(counts: dict[object, dict[str, object]], *, now: datetime) -> int:
    """Close a trouble when calls have succeeded and none has failed for the whole window."""
    closed = 0
    open_ones = AlertEpisode.objects.filter(kind=AlertEpisode.Kind.FAILING, closed_at=None)
    for episode in open_ones.select_related("connection__client", "connection__environment"):
        row = counts.get(episode.connection_id)
        if row and row["fine"] and not row["failed"]:
            closed += alerts.recovered(episode.connection, now=now, kinds=[AlertEpisode.Kind.FAILING])
    return closed
