"""Which upstreams do not answer: opened, tried and closed by conditional updates, so that all processes agree.

The gateway decides when (`gateway/breaker.py`). Everybody else asks here:

- `outage_of(connection)` says whether calls of a connection are refused now, since when, and when the next goes out.
- A held call need not ask: it is sent when `next_try_at` has come, or as soon as the outage is over. Sent through the
  gateway it is the trial, as any call would be; refused it hears `breaker_open` with Retry-After.

Every change that others must know of counts the generation up, by which each web process learns of it with its next
call. All of this is for threads and workers; it asks the database.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from integrations import status
from integrations.errors import IntegrationError
from integrations.models import Connection, HeldCall, HeldLane, Outage
from integrations.outbound import split_url
from integrations.providers.registry import get_provider
from secrets_vault import generation
from secrets_vault.actor import Actor
from secrets_vault.models import User

FIRST_DELAY_S = 2.0
LONGEST_DELAY_S = 15.0  # one call in this time troubles nobody, and calls that wait go on soon after the end
LONGEST_ASKED_S = 300.0  # what a Retry-After may make of the pause
TRIAL = timedelta(seconds=60)
WAITS_FOR_THE_END = ("breaker_open", "upstream_away", "upstream_unreachable", "upstream_timeout", "upstream_invalid")

Chance = Callable[[], float]


def opened(
    origin: str, *, connection_id: UUID | None, reason: str, now: datetime, asked_s: float = 0.0, chance: Chance
) -> None:
    """Note that an upstream does not answer; for `connection_id` alone, or for everybody (None).

    One that is open already for another connection is open for everybody from now on.
    """
    delay_s = _delay_s(FIRST_DELAY_S, asked_s=asked_s, chance=chance)
    told = {"reason": reason, "delay_s": delay_s, "next_try_at": now + timedelta(seconds=delay_s)}
    fresh = {**told, "is_open": True, "opened_at": now, "closed_at": None, "trying_until": None}
    wider = Q(connection__isnull=False) & ~Q(connection=connection_id)
    row = Outage.objects.filter(origin=origin)
    is_changed = row.filter(is_open=False).update(connection=connection_id, version=F("version") + 1, **fresh)
    is_changed = is_changed or row.filter(wider, is_open=True).update(connection=None, version=F("version") + 1)
    if not is_changed and not row.exists():
        try:
            with transaction.atomic():
                Outage.objects.create(origin=origin, connection_id=connection_id, **fresh)
            is_changed = 1
        except IntegrityError:  # another process saw it in the same moment
            return
    if is_changed:
        generation.bump()


def claimed(outage_id: UUID, *, version: int, now: datetime) -> int | None:
    """Take the one trial; return the version to end it with, or None where somebody else has it."""
    is_free = Q(trying_until=None) | Q(trying_until__lte=now) | Q(trying_until__gt=now + 2 * TRIAL)
    row = Outage.objects.filter(is_free, pk=outage_id, version=version, is_open=True)
    return version + 1 if row.update(trying_until=now + TRIAL, version=version + 1) else None


def failed_again(outage_id: UUID, *, version: int, now: datetime, asked_s: float = 0.0, chance: Chance) -> None:
    """End a trial that failed: the next is later, by a pause that grows with chance in it (decorrelated jitter)."""
    row = Outage.objects.filter(pk=outage_id, version=version, is_open=True)
    before_s = row.values_list("delay_s", flat=True).first()
    if before_s is None:
        return
    delay_s = _delay_s(before_s, asked_s=asked_s, chance=chance)
    next_try_at = now + timedelta(seconds=delay_s)
    if row.update(delay_s=delay_s, next_try_at=next_try_at, trying_until=None, version=version + 1):
        generation.bump()


def given_back(outage_id: UUID, *, version: int) -> None:
    """End a trial that said nothing about the upstream: the next call is one."""
    row = Outage.objects.filter(pk=outage_id, version=version, is_open=True)
    if row.update(trying_until=None, version=version + 1):
        generation.bump()


def closed(outage_id: UUID, *, now: datetime) -> bool:
    """Note that the upstream answers, and let the held calls go that wait for that; tell whether it was open."""
    row = Outage.objects.filter(pk=outage_id, is_open=True)
    is_changed = bool(row.update(is_open=False, closed_at=now, trying_until=None, version=F("version") + 1))
    if is_changed:
        _hurry(outage_id)
        generation.bump()
    return is_changed


def _hurry(outage_id: UUID) -> None:
    """Have the lanes look at once whose calls go to an upstream that answers again."""
    host = Outage.objects.get(pk=outage_id).host
    waiting = HeldCall.objects.filter(state=HeldCall.State.WAITING, host=host).values("connection_id")
    lanes = HeldLane.objects.filter(waits_for__in=WAITS_FOR_THE_END, pk__in=waiting)
    lanes.update(next_at=None, waits_for="")


def outage_of(connection: Connection) -> Outage | None:
    """Return the open outage that stops the calls of a connection, or None."""
    origin = origin_of(connection)
    concerned = Q(connection=None) | Q(connection=connection)
    return Outage.objects.filter(concerned, origin=origin, is_open=True).first() if origin else None


def origin_of(connection: Connection) -> str:
    """Return the origin that a connection's calls go to, "" where it has no address."""
    try:
        provider = get_provider(connection.provider_key).of_kind(connection.kind).render(connection.variables)
        return "" if provider.missing_variables else split_url(provider.base_url)[0].base
    except IntegrationError:
        return ""


def hit_by(outage: Outage, *, user: User | None = None) -> list[Connection]:
    """Return the connections whose calls an outage stops, with their clients: all, or those that a person sees.

    It works every connection's address out; so it is for while something is down, not for every page.
    """
    rows = Connection.objects.all() if user is None else Connection.objects.visible_to(user)
    rows = (
        rows.filter(client__archived_at=None).select_related("client", "environment").order_by("client__name", "slug")
    )
    if outage.connection_id is not None:
        return list(rows.filter(pk=outage.connection_id))
    return [connection for connection in rows if origin_of(connection) == outage.origin]


def try_now(connection: Connection, *, actor: Actor, now: datetime) -> bool:
    """Let the next call through as the trial, for a person who does not want to wait; tell whether one was open."""
    outage = outage_of(connection)
    if outage is None:
        return False
    with transaction.atomic():
        changed = Outage.objects.filter(pk=outage.pk, is_open=True).update(
            next_try_at=now, trying_until=None, version=F("version") + 1
        )
        if changed:
            status.record(connection, "outage.try_now", actor=actor, host=outage.host)
            generation.bump()
    return bool(changed)


def reset(connection: Connection, *, actor: Actor, now: datetime) -> bool:
    """Let all calls through again, because a person says so; tell whether an outage was open."""
    outage = outage_of(connection)
    if outage is None:
        return False
    with transaction.atomic():
        if is_closed := closed(outage.pk, now=now):
            status.record(connection, "outage.reset", actor=actor, host=outage.host)
    return is_closed


def _delay_s(before_s: float, *, asked_s: float, chance: Chance) -> float:
    pause_s = FIRST_DELAY_S + chance() * (3 * before_s - FIRST_DELAY_S)
    return max(min(LONGEST_DELAY_S, pause_s), min(LONGEST_ASKED_S, asked_s))


def random_chance() -> float:
    """Return a number between 0 and 1."""
    return random.random()  # noqa: S311 - spreads calls over time; guards nothing
