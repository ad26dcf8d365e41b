"""A breaker for each target: after five failures in a row nobody knocks for a while, then one delivery tries.

The state is on the target's row, and each change is a condition and an assignment in one statement, so any number of
workers agree. While it is open the deliveries wait: none is lost, and none uses up a try.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import F, Q

from integrations import wall_clock
from integrations.models import WebhookTarget

OPENS_AFTER = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)
LONGEST_ASKED = timedelta(hours=1)
TRY_LEASE = timedelta(minutes=5)  # a worker that died while it tried for all leaves the next try to another
JITTER = 0.2
CLOSED, OPEN, TRYING = WebhookTarget.Breaker.CLOSED, WebhookTarget.Breaker.OPEN, WebhookTarget.Breaker.TRYING


def may_pass(now: datetime) -> Q:
    """Return the condition on targets that one delivery at least may go: it is closed, or time to try."""
    is_time = Q(breaker_until__isnull=True) | wall_clock.has_come("breaker_until", now, at_most=LONGEST_ASKED)
    return Q(breaker_state=CLOSED) | is_time


def begin_try(target: WebhookTarget, *, now: datetime) -> bool:
    """Take the right to send the one delivery that tells whether an open target is back; only one worker gets it."""
    same = WebhookTarget.objects.filter(
        pk=target.pk, breaker_state=target.breaker_state, breaker_until=target.breaker_until
    )
    return bool(same.exclude(breaker_state=CLOSED).update(breaker_state=TRYING, breaker_until=now + TRY_LEASE))


def no_try(target: WebhookTarget, *, now: datetime) -> None:
    """Give the right back: there was nothing to send after all."""
    WebhookTarget.objects.filter(pk=target.pk, breaker_state=TRYING).update(breaker_state=OPEN, breaker_until=now)


def succeeded(target_id: object) -> None:
    """Note that the target took a delivery, or answered that it will never take this one: it is there."""
    troubled = ~Q(breaker_state=CLOSED) | Q(failures_in_row__gt=0)
    WebhookTarget.objects.filter(troubled, pk=target_id).update(
        breaker_state=CLOSED, breaker_until=None, failures_in_row=0
    )


def failed(target_id: object, *, now: datetime, retry_after_s: float | None, chance: Callable[[], float]) -> None:
    """Count a failure. The fifth in a row opens the breaker, and so does each one that tried for all."""
    target = WebhookTarget.objects.filter(pk=target_id)
    target.update(failures_in_row=F("failures_in_row") + 1)
    row = target.values("failures_in_row", "breaker_state").first()
    if row is None or row["failures_in_row"] < OPENS_AFTER:
        return
    until = now + pause(row["failures_in_row"], retry_after_s=retry_after_s, chance=chance)
    # One that was under way when it opened says nothing new: the pause does not begin again.
    target.filter(~Q(breaker_state=OPEN) | Q(breaker_until__lte=now)).update(breaker_state=OPEN, breaker_until=until)


def pause(failures: int, *, retry_after_s: float | None, chance: Callable[[], float]) -> timedelta:
    """Return how long to leave a target alone: 30 s, doubling to 10 min, ±20 %; longer if it asks, at most 1 h."""
    doubled = FIRST_PAUSE * 2.0 ** min(failures - OPENS_AFTER, 10)
    wait = min(doubled, LONGEST_PAUSE) * (1 - JITTER + 2 * JITTER * chance())
    asked = timedelta(seconds=min(max(retry_after_s or 0.0, 0.0), LONGEST_ASKED.total_seconds()))
    return max(wait, asked)
