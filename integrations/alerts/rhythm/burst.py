"""Notices when a gateway token calls far more than it ever does.

Far more: ten times its usual hour, twice its busiest one of five weeks (a job at the end of the month is no surprise),
and enough calls to matter. Only tokens with that many calls within the hour are looked at, so a look costs two queries
where all is as ever.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from django.db.models import Sum

from integrations.alerts.episodes import Subject, begin, end
from integrations.alerts.rhythm.usual import HOUR, LEAST_HISTORY
from integrations.models import AlertEpisode, CallHour, CallWatch, GatewayToken
from integrations.models.call import NO_TOKEN

HISTORY = timedelta(days=35)
LEAST_CALLS = 500
TIMES_USUAL, TIMES_BUSIEST = 10, 2
KIND = AlertEpisode.Kind.BURST
Counts = dict[UUID, dict[datetime, int]]


def look(now: datetime) -> int:
    """Tell of tokens that call far more than usual, and of those that no longer do; return how many changed."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    chosen = CallWatch.objects.filter(token__isnull=False, limit__isnull=False)
    limits = {token: limit for token, limit in chosen.values_list("token_id", "limit") if limit}
    counts = _counts(this_hour - HOUR, this_hour, least=min([LEAST_CALLS, *limits.values()]))
    return _over(this_hour, now=now) + _begun(counts, limits, this_hour=this_hour, now=now)


def _counts(begins: datetime, ends: datetime, *, least: int = 1, tokens: list[UUID] | None = None) -> Counts:
    """Return the calls of each token by the hour, of hours with at least so many."""
    found: Counts = defaultdict(dict)
    rows = CallHour.objects.filter(hour__gte=begins, hour__lte=ends).exclude(token_id=NO_TOKEN)
    if tokens is not None:
        rows = rows.filter(token_id__in=tokens)
    summed = rows.order_by().values_list("token_id", "hour").annotate(n=Sum("calls")).filter(n__gte=least)
    for token_id, hour, n in summed:
        found[token_id][hour] = n
    return found


def _begun(counts: Counts, limits: dict[UUID, int], *, this_hour: datetime, now: datetime) -> int:
    if not counts:
        return 0
    off = CallWatch.objects.filter(token__isnull=False, is_on=False).values_list("token_id", flat=True)
    rows = GatewayToken.objects.filter(pk__in=counts, revoked_at=None, paused_at=None, client__archived_at=None)
    history = _counts(this_hour - HISTORY, this_hour - 2 * HOUR, tokens=list(counts))
    told = 0
    for token in rows.exclude(pk__in=list(off)).select_related("client"):
        usual, threshold = threshold_of(history.get(token.pk, {}), limit=limits.get(token.pk), now=now)
        busiest = max(counts[token.pk].values())
        if threshold is not None and busiest >= threshold:
            facts = {"calls": busiest, "usual": usual, "threshold": threshold}
            subject = Subject.of_token(token, is_play=_is_play(token))
            told += begin(subject, KIND, now=now, facts=facts) is not None
    return told


def threshold_of(hours: dict[datetime, int], *, limit: int | None, now: datetime) -> tuple[int, int | None]:
    """Return the calls of a usual hour, and from how many on an hour is a burst; None while nothing is usual yet."""
    active = [count for count in hours.values() if count]
    if not active or now - min(hours) < LEAST_HISTORY:
        return 0, None
    usual = round(median(active))
    return usual, limit or max(TIMES_USUAL * usual, TIMES_BUSIEST * max(active), LEAST_CALLS)


def counts_of(token: GatewayToken, *, now: datetime) -> dict[str, int | None]:
    """Return what a page says of a token: calls of this hour and the one before, a usual hour, and what counts."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    hours = _counts(this_hour - HISTORY, this_hour, tokens=[token.pk]).get(token.pk, {})
    lately = {this_hour, this_hour - HOUR}
    usual, threshold = threshold_of({at: n for at, n in hours.items() if at not in lately}, limit=None, now=now)
    this, before = hours.get(this_hour, 0), hours.get(this_hour - HOUR, 0)
    return {"this_hour": this, "hour_before": before, "usual": usual or None, "threshold": threshold}


def _is_play(token: GatewayToken) -> bool:
    rows = list(token.connections.values_list("is_sandbox", "is_demo"))
    return bool(rows) and all(any(flags) for flags in rows)


def _over(this_hour: datetime, *, now: datetime) -> int:
    """Close the bursts of tokens that called as usual in the last whole hour, and in this one so far."""
    open_ones = list(AlertEpisode.objects.filter(kind=KIND, closed_at=None).exclude(token=None))
    if not open_ones:
        return 0
    counts = _counts(this_hour - HOUR, this_hour, tokens=[each.token_id for each in open_ones if each.token_id])
    closed = 0
    for episode in open_ones:
        lately = counts.get(episode.token_id, {}).values() if episode.token_id else ()
        if max(lately, default=0) < int(episode.facts["threshold"]):
            closed += end(episode.about, kinds=[KIND], now=now)
    return closed
