"""Sends what waits for its route: claimed by lease, tried again more and more slowly, each outcome on its row.

A route that fails rests as a whole, so that one place which hangs costs ten seconds now and then and not each time.
After a crash between sending and writing it down the same message goes again, with the same id.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from secrets import token_hex

from django.db.models import F, Q

from integrations import outbound, wall_clock
from integrations.alerts.routes import sinks, telling
from integrations.alerts.routes.answers import Result
from integrations.alerts.routes.note import Note
from integrations.alerts.routes.posting import Job, Send, job_of
from integrations.models import AlertDelivery, AlertRoute

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
WAITS = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 360, 720))
LONGEST_ASKED_S = 3_600.0
KEPT = timedelta(days=90)
FORGOTTEN_AT_ONCE = 5_000
SWEEP_S = 45.0  # so that other sweeps get their turn, whatever the places do
AT_ONCE = 8
ROWS_A_SWEEP = 10  # Sheets takes 60 writes a minute of one person, Airtable 5 a second of one base
State = AlertDelivery.State


def send_due(*, now: datetime, send: Send = outbound.send, sweep_s: float = SWEEP_S) -> int:
    """Send what is due, the oldest of each route first; return how many arrived."""
    ends_s, sent = time.monotonic() + sweep_s, 0
    rested: set[object] = set()
    rows: Counter[object] = Counter()
    while time.monotonic() < ends_s:
        claimed = [each for each in _due(rested, now=now) if _claim(each, now=now)]
        if not claimed:
            break
        for delivery, result in _tried(claimed, now=now, send=send):
            is_sent = settle(delivery, result, now=now)
            sent += is_sent
            rows[delivery.route_id] += sinks.is_sink(delivery.route)
            if not is_sent or rows[delivery.route_id] >= ROWS_A_SWEEP:
                rested.add(delivery.route_id)
    return sent


def _due(rested: set[object], *, now: datetime) -> list[AlertDelivery]:
    """Return the next delivery of each route that is ready, at most as many as are sent at once."""
    is_time = wall_clock.has_come("due_at", now, at_most=WAITS[-1])
    free = wall_clock.is_free("lease_until", now, lease=LEASE)
    ready = Q(route__next_try_at=None) | wall_clock.has_come("route__next_try_at", now, at_most=WAITS[-1])
    rows = AlertDelivery.objects.filter(is_time, free, ready, state=State.WAITING, route__is_paused=False)
    rows = rows.exclude(route__in=rested)
    first: dict[object, object] = {}
    for pk, route_id in rows.order_by("due_at", "pk").values_list("pk", "route_id")[:500]:
        first.setdefault(route_id, pk)
    chosen = list(first.values())[:AT_ONCE]
    found = AlertDelivery.objects.filter(pk__in=chosen).select_related("route__connection", "client")
    return list(found)


def _claim(delivery: AlertDelivery, *, now: datetime) -> bool:
    free = wall_clock.is_free("lease_until", now, lease=LEASE)
    delivery.lease_owner = token_hex(8)
    mine = AlertDelivery.objects.filter(free, pk=delivery.pk, state=State.WAITING)
    return bool(mine.update(lease_owner=delivery.lease_owner, lease_until=now + LEASE))


def _tried(deliveries: Sequence[AlertDelivery], *, now: datetime, send: Send) -> Iterable[tuple[AlertDelivery, Result]]:
    """Send several at once, outside any transaction. The threads have no business with the database."""
    jobs = [_job(each, now=now, send=send) for each in deliveries]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="alerts") as pool:
        return list(zip(deliveries, pool.map(lambda job: job(), jobs), strict=True))


def _job(delivery: AlertDelivery, *, now: datetime, send: Send) -> Job:
    route, note = delivery.route, Note.of(delivery)
    if sinks.is_sink(route):
        return sinks.job_of(route, note, now=now, send=send)
    return job_of(route, note, attempt=delivery.attempts + 1, now=now, send=send)


def settle(delivery: AlertDelivery, result: Result, *, now: datetime) -> bool:
    """Write down what came of a try, on the delivery and its route; tell whether it arrived."""
    mine = AlertDelivery.objects.filter(pk=delivery.pk, lease_owner=delivery.lease_owner, state=State.WAITING)
    about = {"attempts": F("attempts") + 1, "lease_until": None, "status": result.status, "error": result.code[:60]}
    if result.is_sent:
        mine.update(**about, state=State.SENT, sent_at=now)
        telling.works(delivery.route, now=now)
        return True
    tried = delivery.attempts + 1
    is_over = result.is_of_the_message or tried > len(WAITS)
    wait = _wait(result, tried=tried)
    mine.update(**about, state=State.FAILED if is_over else State.WAITING, due_at=now if is_over else now + wait)
    logger.warning("alert not sent", extra={"route": str(delivery.route_id), "code": result.code, "tried": tried})
    telling.failed(delivery.route, result, rests_until=None if result.is_of_the_message else now + wait, now=now)
    return False


def _wait(result: Result, *, tried: int) -> timedelta:
    own = WAITS[min(tried, len(WAITS)) - 1]
    asked = timedelta(seconds=min(result.wait_s, LONGEST_ASKED_S)) if result.wait_s else own
    return max(own, asked)


def forget_old(now: datetime) -> int:
    """Delete what went by routes three months ago, or was given up then; return how much."""
    over = AlertDelivery.objects.filter(created_at__lt=now - KEPT).exclude(state__in=[State.WAITING, State.HELD])
    ids = list(over.order_by("pk").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    return AlertDelivery.objects.filter(pk__in=ids).delete()[0]


def hurry(route: AlertRoute, *, now: datetime) -> None:
    """Try everything that waits for a route anew: it has another address, or goes on after a pause."""
    AlertRoute.objects.filter(pk=route.pk).update(next_try_at=None, failures_in_row=0)
    AlertDelivery.objects.filter(route=route, state=State.WAITING).update(due_at=now, attempts=0)
