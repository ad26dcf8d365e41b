"""Writes down what came of the tries: the attempt, the delivery's next state, and what it says of the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from integrations.call_log.rows import storable
from integrations.models import WebhookAttempt, WebhookDelivery
from integrations.models.webhook import OPEN_STATES
from integrations.webhooks import breaker, schedule
from integrations.webhooks.outcome import Outcome
from secrets_vault.masking import Masker, mask_head

LONGEST_HEAD = 8_000
State = WebhookDelivery.State
DONE: dict[str, Any] = {"lease_owner": "", "lease_until": None, "next_at": None}


@dataclass(frozen=True, slots=True)
class Result:
    """A try that is over: the delivery as it was taken, and what came of it. `began_at` is when it was sent."""

    delivery: WebhookDelivery
    outcome: Outcome
    began_at: datetime
    masker: Masker = field(default_factory=Masker, repr=False)


def record(results: Sequence[Result], *, now: datetime, chance: Callable[[], float]) -> list[WebhookAttempt]:
    """Write several down in one transaction. Of a delivery that is gone, nothing is written."""
    with transaction.atomic():
        # In one order, so that two workers never wait for each other in a circle.
        ordered = sorted(results, key=lambda result: (result.delivery.target_id, result.delivery.pk))
        written = [_record(result, now=now, chance=chance) for result in ordered]
    return [attempt for attempt in written if attempt is not None]


def _record(result: Result, *, now: datetime, chance: Callable[[], float]) -> WebhookAttempt | None:
    sent, outcome = result.delivery, result.outcome
    row = WebhookDelivery.objects.select_for_update().filter(pk=sent.pk).first()
    if row is None:
        return None
    attempt: WebhookAttempt = WebhookAttempt.objects.create(
        delivery=row,
        number=sent.attempts,
        at=result.began_at,
        status=outcome.status,
        error=outcome.error[:60],
        ms=outcome.ms,
        response_head=_masked(outcome, result.masker),
    )
    # One whose lease another worker took is the other's to judge; but what the target took, it took.
    is_mine = row.state == State.SENDING and row.lease_owner == sent.lease_owner
    if is_mine or (outcome.is_delivered and row.state in OPEN_STATES):
        changes = _next_state(row, outcome, now=now, chance=chance)
        told = {"last_status": outcome.status, "last_error": outcome.error[:60]}
        WebhookDelivery.objects.filter(pk=row.pk).update(**changes, **told)
    _tell_breaker(sent, outcome, now=now, chance=chance)
    return attempt


def _next_state(
    row: WebhookDelivery, outcome: Outcome, *, now: datetime, chance: Callable[[], float]
) -> dict[str, Any]:
    if outcome.is_delivered:
        return DONE | {"state": State.DELIVERED, "delivered_at": now}
    next_at = None
    if outcome.may_be_repeated:
        next_at = schedule.next_at(
            tries=row.attempts - row.attempts_before,
            began_at=row.again_at or row.created_at,
            now=now,
            retry_after_s=outcome.retry_after_s,
            chance=chance,
        )
    return DONE | ({"state": State.DEAD} if next_at is None else {"state": State.WAITING, "next_at": next_at})


def _tell_breaker(sent: WebhookDelivery, outcome: Outcome, *, now: datetime, chance: Callable[[], float]) -> None:
    if not outcome.is_of_the_target:
        if sent.target.breaker_state != breaker.CLOSED:
            breaker.no_try(sent.target, now=now)
    elif outcome.may_be_repeated and not outcome.is_delivered:
        breaker.failed(sent.target_id, now=now, retry_after_s=outcome.retry_after_s, chance=chance)
    else:
        breaker.succeeded(sent.target_id)


def _masked(outcome: Outcome, masker: Masker) -> str:
    return storable(mask_head(outcome.response_head, masker))[:LONGEST_HEAD] if outcome.response_head else ""
