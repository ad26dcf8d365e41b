"""Sending many deliveries again: first told what it would be, then done at a pace, and stopped when wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from math import ceil
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookReplay, WebhookTarget
from integrations.models.webhook import OPEN_STATES
from integrations.webhooks import forwarding
from secrets_vault import audit
from secrets_vault.actor import Actor

MOST = 10_000
PER_S = 5
"""So many a second to each target: a workflow tool that was down comes back to a stream, not to a flood."""
State = WebhookDelivery.State
OVER = (State.DEAD, State.DELIVERED, State.SKIPPED, State.DISCARDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which deliveries of an endpoint. `since` and `until` (itself not among them) are when their events arrived.

    `ids` are those of deliveries, `events` of events: where one is given, no other is among them.
    """

    endpoint: WebhookEndpoint
    states: tuple[str, ...] = (State.DEAD.value,)
    target: WebhookTarget | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_type: str = ""
    ids: tuple[UUID, ...] | None = None
    events: tuple[UUID, ...] | None = None

    @property
    def over(self) -> list[str]:
        """Return the wanted states without those of deliveries under way."""
        return [state for state in self.states if state in OVER]

    def rows(self) -> QuerySet[WebhookDelivery]:
        """Return them, the oldest first. What is under way is never among them."""
        wanted: dict[str, Any] = {"endpoint": self.endpoint, "state__in": self.over}
        given = {
            "target": self.target,
            "event__received_at__gte": self.since,
            "event__received_at__lt": self.until,
            "event__event_type": self.event_type or None,
            "pk__in": self.ids,
            "event__in": self.events,
        }
        wanted |= {name: value for name, value in given.items() if value is not None}
        rows: QuerySet[WebhookDelivery] = WebhookDelivery.objects.filter(**wanted).order_by("id")
        return rows


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would send. `forgotten` are those whose payload is gone; they stay as they are."""

    events: int
    targets: int
    deliveries: int
    about_s: int
    forgotten: int = 0

    def __str__(self) -> str:
        events = ngettext("{count} event", "{count} events", self.events).format(count=self.events)
        targets = ngettext("{count} target", "{count} targets", self.targets).format(count=self.targets)
        return _("{events}, {targets}, about {seconds} s").format(events=events, targets=targets, seconds=self.about_s)


def plan(selection: Selection) -> Plan:
    """Return what `replay` would do now. Nothing is changed."""
    found = _sendable(selection)
    forgotten = selection.rows().filter(event__forgotten_at__isnull=False).count()
    by_target = Counter(target for _pk, target, _event in found)
    most = max(by_target.values(), default=0)
    events = len({event for _pk, _target, event in found})
    return Plan(events, len(by_target), len(found), ceil(most / PER_S), forgotten)


def replay(selection: Selection, *, actor: Actor, now: datetime) -> WebhookReplay:
    """Let the deliveries go again, the oldest first, five a second to each target. At most 10,000 at once."""
    with transaction.atomic():
        row: WebhookReplay = WebhookReplay.objects.create(
            endpoint=selection.endpoint, made_at=now, made_by=actor.label[:160]
        )
        for due_at, ids in _paced(_sendable(selection), now=now):
            row.deliveries += _let_go(selection, row, ids=ids, now=now, due_at=due_at)
        row.save(update_fields=["deliveries"])
        _tell("webhook.replayed", row, actor=actor, deliveries=row.deliveries)
        forwarding.ring()
    return row


def stop(row: WebhookReplay, *, actor: Actor, now: datetime) -> int:
    """Take back what has not been sent yet; return how many. Each is again what it was before."""
    with transaction.atomic():
        waiting = WebhookDelivery.objects.filter(replay=row, state=State.WAITING, attempts=F("attempts_before"))
        count = waiting.update(state=F("state_before"), next_at=None, replay=None)
        WebhookReplay.objects.filter(pk=row.pk, stopped_at=None).update(stopped_at=now)
        _tell("webhook.replay_stopped", row, actor=actor, taken_back=count)
        forwarding.ring()
    row.refresh_from_db()
    return int(count)


def left(row: WebhookReplay) -> int:
    """Return how many of a replay are still under way."""
    return int(WebhookDelivery.objects.filter(replay=row, state__in=OPEN_STATES).count())


def _sendable(selection: Selection) -> list[tuple[UUID, UUID, UUID]]:
    rows = selection.rows().filter(event__forgotten_at__isnull=True)
    return list(rows.values_list("pk", "target_id", "event_id")[:MOST])


def _paced(found: Sequence[tuple[UUID, UUID, UUID]], *, now: datetime) -> Iterator[tuple[datetime, list[UUID]]]:
    """Yield when each handful of a target goes."""
    by_target: dict[UUID, list[UUID]] = {}
    for pk, target, _event in found:
        by_target.setdefault(target, []).append(pk)
    for ids in by_target.values():
        for second, handful in enumerate(batched(ids, PER_S)):
            yield now + timedelta(seconds=second), list(handful)


def _let_go(selection: Selection, row: WebhookReplay, *, ids: list[UUID], now: datetime, due_at: datetime) -> int:
    """Change only what still is as it was chosen: somebody else may send the same again at this moment."""
    return int(
        WebhookDelivery.objects.filter(pk__in=ids, state__in=selection.over).update(
            state_before=F("state"),
            attempts_before=F("attempts"),
            state=State.WAITING,
            again_at=now,
            next_at=due_at,
            replay=row,
        )
    )


def _tell(action: str, row: WebhookReplay, *, actor: Actor, **details: Any) -> None:
    endpoint = row.endpoint
    about = {"replay": str(row.pk)} | details
    audit.record(action, actor=actor, client=endpoint.client_id, subject=endpoint, details=about)
