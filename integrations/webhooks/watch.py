"""Looks for endpoints that fall silent, that refuse many requests, and for targets that take nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookTarget
from integrations.webhooks import alerting

WINDOW = timedelta(minutes=10)
SKEW = timedelta(minutes=1)  # an event of later than that is of a clock that has since been put back
MANY_REFUSED = 10
ABOUT_THE_SECRET = ("mismatch", "no_secret")
Verdict, Breaker, State = WebhookEvent.Verdict, WebhookTarget.Breaker, WebhookDelivery.State
TAKEN = (Verdict.ACCEPTED, Verdict.RELEASED)


def look(now: datetime) -> int:
    """Tell of new and ended troubles; return how many there were."""
    return sum([*_silences(now), *_refusals(now), *_stuck(now)])


def _watched() -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(disabled_at=None, client__archived_at=None)


def _with_newest(rows: QuerySet[WebhookEndpoint], now: datetime) -> Any:
    """Add when the newest genuine event came: unlike `last_event_at` this leaves our own tests out."""
    genuine = WebhookEvent.objects.filter(endpoint=OuterRef("pk"), verdict__in=TAKEN, is_test=False)
    newest = genuine.filter(received_at__lte=now + SKEW).order_by("-id").values("received_at")[:1]
    return rows.annotate(newest_at=Subquery(newest)).select_related("client", "environment")


def _silences(now: datetime) -> Iterator[bool]:
    """Yield whether each endpoint that is to be heard from fell silent, or is heard from again."""
    wanted = Q(silent_after_s__isnull=False) | Q(silence_told_at__isnull=False)
    for endpoint in _with_newest(_watched().filter(wanted), now):
        since = endpoint.newest_at or endpoint.created_at
        is_silent = endpoint.silent_after_s is not None and now - since > timedelta(seconds=endpoint.silent_after_s)
        about: dict[str, Any] = {"endpoint": endpoint, "now": now}
        if is_silent and endpoint.silence_told_at is None:
            yield alerting.began(endpoint, "silence_told_at", "webhook_silent", last=endpoint.newest_at, **about)
        elif endpoint.silence_told_at is not None and since > endpoint.silence_told_at:
            yield alerting.ended(endpoint, "silence_told_at", "webhook_heard", **about)


def _refusals(now: datetime) -> Iterator[bool]:
    """Yield whether each endpoint began to refuse many requests, or takes them again."""
    refused = _refused_lately(now)
    many = [pk for pk, reasons in refused.items() if reasons.total() >= MANY_REFUSED]
    wanted = Q(pk__in=many) | Q(refusals_told_at__isnull=False)
    for endpoint in _with_newest(_watched().filter(wanted), now):
        told_at, reasons = endpoint.refusals_told_at, refused.get(endpoint.pk, Counter())
        if told_at is None:
            about = {"n": reasons.total(), "is_secret": reasons.most_common(1)[0][0] in ABOUT_THE_SECRET}
            yield alerting.began(endpoint, "refusals_told_at", "webhook_refused", endpoint=endpoint, now=now, **about)
        elif not reasons and endpoint.newest_at is not None and endpoint.newest_at > told_at:
            yield alerting.ended(endpoint, "refusals_told_at", "webhook_accepted", endpoint=endpoint, now=now)


def _refused_lately(now: datetime) -> dict[UUID, Counter[str]]:
    """Return what each endpoint refused within ten minutes, by reason."""
    rows = WebhookEvent.objects.filter(
        verdict=Verdict.QUARANTINED, is_test=False, received_at__range=(now - WINDOW, now + SKEW)
    )
    found: dict[UUID, Counter[str]] = {}
    for pk, reason, n in rows.order_by().values_list("endpoint", "reason").annotate(n=Count("pk")):
        found.setdefault(pk, Counter())[reason] += n
    return found


def _stuck(now: datetime) -> Iterator[bool]:
    """Yield whether each target stopped taking events, or takes them again and nothing given up is left."""
    dead = _dead_letters()
    wanted = ~Q(breaker_state=Breaker.CLOSED) | Q(pk__in=dead) | Q(trouble_told_at__isnull=False)
    rows = WebhookTarget.objects.filter(wanted, endpoint__in=_watched())
    for target in rows.select_related("endpoint__client", "endpoint__environment"):
        is_open, n = target.breaker_state != Breaker.CLOSED, dead.get(target.pk, 0)
        about = {"endpoint": target.endpoint, "now": now, "target": target}
        if (is_open or n) and target.trouble_told_at is None:
            yield alerting.began(target, "trouble_told_at", "webhook_stuck", is_open=is_open, dead=n, **about)
        elif not is_open and not n and target.trouble_told_at is not None:
            yield alerting.ended(target, "trouble_told_at", "webhook_flows", **about)


def _dead_letters() -> dict[UUID, int]:
    rows = WebhookDelivery.objects.filter(state=State.DEAD, endpoint__in=_watched()).order_by()
    return dict(rows.values_list("target").annotate(n=Count("pk")))
