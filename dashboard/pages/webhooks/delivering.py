"""Where an event went on to: each target, each try, and when the next one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.pages.webhooks.event_list import TONES
from dashboard.timeline import CODE_WORDS, Step, milliseconds, status_words
from integrations.models import WebhookAttempt, WebhookDelivery
from integrations.webhooks.outcome import sentence

if TYPE_CHECKING:
    from integrations.models import WebhookEvent

State = WebhookDelivery.State


@dataclass(frozen=True)
class Shown:
    """A delivery with its tries, oldest first."""

    delivery: WebhookDelivery
    tone: str
    steps: list[Step]

    @property
    def said(self) -> str:
        """Return what the last try means, in a sentence; nothing for one that was delivered."""
        is_done = self.delivery.state == State.DELIVERED
        return "" if is_done else sentence(self.delivery.last_error, self.delivery.last_status)

    @property
    def lost(self) -> str:
        """Return how many tries ended with their worker, in a sentence: a try is counted before it is made."""
        n = self.delivery.attempts - len(self.steps) - (self.delivery.state == State.SENDING)
        said = ngettext(
            "{n} try was cut off: the worker stopped in the middle of it, so the target may have taken the event.",
            "{n} tries were cut off: the worker stopped in the middle of them, so the target may have taken the event.",
            n,
        )
        return said.format(n=n) if n > 0 else ""

    @property
    def is_open(self) -> bool:
        """Tell whether it will be tried by itself."""
        return self.delivery.state in (State.WAITING, State.SENDING)

    @property
    def can_discard(self) -> bool:
        """Tell whether somebody may still say that it shall not be sent."""
        return self.delivery.state in (State.WAITING, State.DEAD)


def deliveries_of(event: WebhookEvent) -> list[Shown]:
    """Return an event's deliveries in the order of the targets, with every try, in two queries."""
    rows = WebhookDelivery.objects.filter(event=event).select_related("target").defer("target__url_sealed")
    deliveries = list(rows.order_by("target_id"))
    tries: dict[Any, list[WebhookAttempt]] = {}
    for attempt in WebhookAttempt.objects.filter(delivery__in=[row.pk for row in deliveries]).order_by("number"):
        tries.setdefault(attempt.delivery_id, []).append(attempt)
    return [_shown(row, tries.get(row.pk, [])) for row in deliveries]


def _shown(delivery: WebhookDelivery, tries: list[WebhookAttempt]) -> Shown:
    return Shown(delivery, TONES[State(delivery.state)], [_step(one) for one in tries])


def _step(attempt: WebhookAttempt) -> Step:
    is_good = attempt.status is not None and attempt.status < 300 and not attempt.error
    what = status_words(attempt.status) or error_words(attempt.error)
    title = _("Try {n}: {what} in {time}").format(n=attempt.number, what=what, time=milliseconds(attempt.ms))
    return Step(attempt.at, "ok" if is_good else "bad", title, attempt.response_head)


def error_words(code: str) -> str:
    """Return why a try failed, in words; a code we have no words for as it is."""
    return str(CODE_WORDS.get(code, "")) or code.replace("_", " ") or _("no answer")
