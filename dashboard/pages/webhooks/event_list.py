"""The list of an endpoint's events, and the same as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import batched
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from dashboard.counting import count_to_most, counted_words
from dashboard.csv import csv_response
from dashboard.render import actor_of
from integrations.models import WebhookDelivery, WebhookEvent
from secrets_vault import audit

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

    from dashboard.paging import Page
    from dashboard.render import PageRequest
    from integrations.models import WebhookEndpoint
    from secrets_vault.access import VisibleQuerySet

State = WebhookDelivery.State
MOST_EXPORTED = 10_000
LIST_FIELDS = (
    "id", "endpoint_id", "client_id", "received_at", "event_key", "event_type", "verdict", "reason", "why", "remote_ip",
    "method", "body_bytes", "duplicates", "last_duplicate_at", "is_test", "forgotten_at",
)  # fmt: skip
CSV_HEADER = (
    "event id", "received at", "verdict", "reason", "why", "type", "vendor's id", "address", "method", "bytes",
    "came again", "last came again", "test", "deliveries",
)  # fmt: skip
TONES = {
    State.DELIVERED: "ok",
    State.DEAD: "bad",
    State.WAITING: "info",
    State.SENDING: "info",
    State.SKIPPED: "",
    State.DISCARDED: "",
}
# Of several targets the worst says how an event stands.
WORST_FIRST = (State.DEAD, State.WAITING, State.SENDING, State.DISCARDED, State.DELIVERED, State.SKIPPED)


def with_deliveries(events: Iterable[WebhookEvent]) -> list[Any]:
    """Give each event its standing with the targets, in one query: `tone`, `standing` and `targets`."""
    shown: list[Any] = list(events)
    found = _states_of([event.pk for event in shown])
    for event in shown:
        states = found.get(event.pk, [])
        worst = next((state for state in WORST_FIRST if state in states), None)
        event.tone = TONES[worst] if worst else ""
        event.standing = str(worst.label) if worst else ""
        event.states = sorted(states)
        event.done, event.targets = states.count(State.DELIVERED), len(states)
    return shown


def _states_of(ids: list[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    rows = WebhookDelivery.objects.filter(event_id__in=ids).order_by()
    for event_id, state in rows.values_list("event_id", "state"):
        found.setdefault(event_id, []).append(state)
    return found


def mark_of(events: Iterable[Any]) -> str:
    """Return a short text that changes when anything that the list shows does."""
    seen = [(str(event.pk), event.verdict, event.duplicates, event.states) for event in events]
    return sha256(repr(seen).encode()).hexdigest()[:16]


def count_words(rows: VisibleQuerySet, page: Page[Any]) -> str:
    """Say how many events match, counting no further than a thousand."""
    is_whole = page.is_first and not page.has_more
    count = len(page.rows) if is_whole else count_to_most(rows)
    return _("1 event") if count == 1 else _("{n} events").format(n=counted_words(count))


def export(request: PageRequest, endpoint: WebhookEndpoint, rows: VisibleQuerySet) -> HttpResponseBase:
    """Return the events as CSV, at most ten thousand, and say so in the book."""
    with transaction.atomic():
        label = f"Events of {endpoint.slug} as CSV"
        audit.record("export.made", actor=actor_of(request), client=endpoint.client, label=label)
    return csv_response(f"{endpoint.slug}-events", CSV_HEADER, _lines(rows))


def _lines(rows: VisibleQuerySet) -> Iterator[tuple[object, ...]]:
    newest = rows.only(*LIST_FIELDS).order_by("-pk")[:MOST_EXPORTED]
    for some in batched(newest, 500):
        for event in with_deliveries(some):
            again = event.last_duplicate_at.isoformat() if event.last_duplicate_at else ""
            yield (
                event.pk, event.received_at.isoformat(), event.verdict, event.reason, event.why, event.event_type,
                event.event_key, event.remote_ip, event.method, event.body_bytes, event.duplicates, again,
                "yes" if event.is_test else "", " ".join(event.states),
            )  # fmt: skip
