"""Which deliveries go next, and the lease that makes one worker send each.

A lease is taken by one conditional update and renewed while the request is under way. A worker that dies leaves one
that runs out within a minute; then the delivery goes again, with the same id.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, Lookup, OuterRef, Q, QuerySet

from integrations import wall_clock
from integrations.models import WebhookDelivery, WebhookTarget
from integrations.webhooks import breaker, schedule

LEASE = timedelta(seconds=60)
PER_TARGET = 12
"""So many at once: a target that hangs holds no more places. One whose last answer was a failure gets one."""
State = WebhookDelivery.State


class IsOneOfTheOpen(Lookup):
    """The condition that a state is one of a delivery under way, spelled as the partial indexes are.

    With the states passed in as parameters, SQLite would not see that the index covers the question.
    """

    lookup_name = "is_open"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the condition as SQL."""
        state, params = self.process_lhs(compiler, connection)
        return f"{state} IN ('waiting', 'sending')", tuple(params)


def is_open() -> IsOneOfTheOpen:
    """Return the condition that a delivery is still under way."""
    return IsOneOfTheOpen(F("state"), True)


@dataclass(frozen=True, slots=True)
class Room:
    """How much more a worker takes: requests, bytes of bodies, and how many it is sending to each target."""

    requests: int
    bytes: int
    busy: Mapping[UUID, int]


def claim(room: Room, *, now: datetime) -> list[WebhookDelivery]:
    """Take what is due, a few for each target, in an order that favours none; return what this caller shall send."""
    if room.requests < 1:
        return []
    targets = list(targets_with_work(now))
    random.shuffle(targets)
    chosen: list[UUID] = []
    tried: list[WebhookTarget] = []
    bytes_left = room.bytes
    for target in targets:
        for pk, size in _next_of(target, busy=room.busy.get(target.pk, 0), now=now):
            if len(chosen) >= room.requests or (size > bytes_left and (chosen or room.busy)):
                return _taken(chosen, tried, now=now)
            if target.breaker_state != breaker.CLOSED:
                if not breaker.begin_try(target, now=now):
                    break
                tried.append(target)
            chosen.append(pk)
            bytes_left -= size
    return _taken(chosen, tried, now=now)


def targets_with_work(now: datetime) -> QuerySet[WebhookTarget]:
    """Return the targets to which something is due and may go."""
    waiting = WebhookDelivery.objects.filter(is_open(), is_due(now), target=OuterRef("pk"))
    runs = Q(is_paused=False, endpoint__is_forwarding_paused=False, endpoint__is_demo=False)
    found: QuerySet[WebhookTarget] = (
        WebhookTarget.objects.filter(runs, breaker.may_pass(now))
        .filter(Exists(waiting))
        .order_by("id")
        .select_related("endpoint")
    )
    return found


def is_due(now: datetime) -> Q:
    """Return the condition that it is a delivery's time, and nobody is sending it."""
    is_time = Q(next_at__isnull=True) | wall_clock.has_come("next_at", now, at_most=schedule.LONGEST_WAIT)
    return is_time & wall_clock.is_free("lease_until", now, lease=LEASE)


def take(delivery: WebhookDelivery, *, now: datetime, **changes: object) -> WebhookDelivery | None:
    """Take the lease of one delivery whatever its state or time; None when somebody is sending it."""
    free = wall_clock.is_free("lease_until", now, lease=LEASE)
    owner = token_hex(8)
    if not WebhookDelivery.objects.filter(free, pk=delivery.pk).update(**_leased(owner, now=now), **changes):
        return None
    return _loaded().get(pk=delivery.pk, lease_owner=owner)


def renew(claimed: Sequence[WebhookDelivery], *, now: datetime) -> None:
    """Keep the leases of what is still under way."""
    _held(claimed).update(lease_until=now + LEASE)


def give_back(claimed: Sequence[WebhookDelivery], *, now: datetime, until: datetime) -> None:
    """Let go of what was taken and not sent, until later; the try does not count."""
    back = {"state": State.WAITING, "lease_owner": "", "lease_until": None, "next_at": until}
    _held(claimed).filter(attempts__gt=0).update(**back, attempts=F("attempts") - 1)
    for target in {row.target_id: row.target for row in claimed}.values():
        breaker.no_try(target, now=now)


def _held(claimed: Sequence[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
    """Return the rows of which the leases are still those that were taken."""
    rows: QuerySet[WebhookDelivery] = WebhookDelivery.objects.filter(
        pk__in=[row.pk for row in claimed], lease_owner__in={row.lease_owner for row in claimed}
    )
    return rows


def _next_of(target: WebhookTarget, *, busy: int, now: datetime) -> Iterator[tuple[UUID, int]]:
    """Yield what of a target may go now, with its size: the oldest first."""
    most = 1 if target.failures_in_row or target.breaker_state != breaker.CLOSED else PER_TARGET
    if busy >= most:
        return
    rows = WebhookDelivery.objects.filter(is_open(), target=target).order_by("id")
    if target.endpoint.is_ordered:
        first = rows.values_list("pk", flat=True).first()  # what comes after it waits until it is over
        rows, most = rows.filter(pk=first), 1
    yield from rows.filter(is_due(now)).values_list("pk", "event__body_bytes")[: most - busy]


def _taken(chosen: Sequence[UUID], tried: Sequence[WebhookTarget], *, now: datetime) -> list[WebhookDelivery]:
    """Take the leases of those that are still free."""
    taken: list[WebhookDelivery] = []
    if chosen:
        owner = token_hex(8)
        mine = WebhookDelivery.objects.filter(is_open(), is_due(now), pk__in=chosen)
        if mine.update(**_leased(owner, now=now)):
            taken = list(_loaded().filter(pk__in=chosen, lease_owner=owner).order_by("id"))
    got = {row.target_id for row in taken}
    for target in tried:
        if target.pk not in got:
            breaker.no_try(target, now=now)
    return taken


def _leased(owner: str, *, now: datetime) -> dict[str, object]:
    lease = {"state": State.SENDING, "lease_owner": owner, "lease_until": now + LEASE}
    return lease | {"attempts": F("attempts") + 1}


def _loaded() -> QuerySet[WebhookDelivery]:
    rows: QuerySet[WebhookDelivery] = WebhookDelivery.objects.select_related(
        "target__endpoint__client", "target__signing_secret__current"
    )
    return rows
