"""How an endpoint is doing: what it verifies, how old its secret is, and what arrived lately."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from dashboard.pages.webhooks.schemes import brings_secret, logo_key, needs_secret, scheme_name
from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookTarget
from integrations.models.webhook import OPEN_STATES
from integrations.webhooks.endpoints import NO_VERIFICATION, scheme_of
from secrets_vault.ids import id_at

if TYPE_CHECKING:
    from datetime import date

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
SLACK = timedelta(minutes=5)  # an event's id is made a moment before or after the time it arrived
QUARANTINED = WebhookEvent.Verdict.QUARANTINED
DEAD = WebhookDelivery.State.DEAD


@dataclass(frozen=True)
class Badge:
    """A state as a tone, a word and, where a word is not enough, a sentence."""

    tone: str
    word: str
    why: str = ""
    icon: str = ""


@dataclass
class Counts:
    """What arrived at one endpoint and how it went on."""

    accepted_hour: int = 0
    accepted_day: int = 0
    refused_hour: int = 0
    refused_day: int = 0
    waiting: int = 0
    dead: int = 0
    targets: int = 0


@dataclass(frozen=True)
class Row:
    """An endpoint as the list shows it."""

    endpoint: WebhookEndpoint
    scheme_name: str
    logo_key: str
    verification: Badge
    forwarding: Badge
    secret_made_on: date | None
    counts: Counts = field(default_factory=Counts)


def rows_of(endpoints: Sequence[WebhookEndpoint], *, now: datetime) -> list[Row]:
    """Return endpoints with their state and counts, whatever their number in three queries."""
    counts = counts_of([endpoint.pk for endpoint in endpoints], now=now)
    return [_row(endpoint, counts[endpoint.pk], now=now) for endpoint in endpoints]


def _row(endpoint: WebhookEndpoint, counts: Counts, *, now: datetime) -> Row:
    current = endpoint.secret.current if endpoint.secret else None
    return Row(
        endpoint=endpoint,
        scheme_name=scheme_name(endpoint.scheme_key),
        logo_key=logo_key(endpoint.scheme_key),
        verification=verification_of(endpoint, now=now),
        forwarding=forwarding_of(endpoint, counts, now=now),
        secret_made_on=current.made_on if current else None,
        counts=counts,
    )


def verification_of(endpoint: WebhookEndpoint, *, now: datetime) -> Badge:
    """Return whether what arrives is verified, in a word and a sentence."""
    if endpoint.scheme_key == NO_VERIFICATION:
        return Badge("bad", _("Verifies nothing"), _("Whoever knows the address can send events."))
    scheme = scheme_of(endpoint)
    if scheme is None:
        return Badge("bad", _("Scheme not known"), _("Everything is refused and kept in quarantine."))
    if endpoint.pairing_until and endpoint.pairing_until > now:
        return Badge("info", _("Pairing"), _("The vendor's handshake is answered now."))
    if needs_secret(scheme) and not _has_value(endpoint):
        if brings_secret(scheme):
            return Badge("warn", _("Not paired yet"), _("The vendor hands over its secret while you pair."))
        return Badge("bad", _("No secret yet"), _("Everything is refused and kept in quarantine."))
    if endpoint.previous_until and endpoint.previous_until > now:
        return Badge("ok", _("Verified"), _("Two secrets count while it rolls."))
    return Badge("ok", _("Verified"), "", "shield-check")


def _has_value(endpoint: WebhookEndpoint) -> bool:
    stored = endpoint.secret
    return stored is not None and stored.current_id is not None and stored.deleted_at is None


def forwarding_of(endpoint: WebhookEndpoint, counts: Counts, *, now: datetime) -> Badge:
    """Return whether events go on from here, in a word."""
    if endpoint.disabled_at is not None:
        return disabled()
    if endpoint.is_forwarding_paused:
        return Badge("warn", _("Paused"), _("Events are kept, none is handed on."), "pause")
    if counts.dead:
        return Badge("bad", _("Given up"), _("Events wait among the dead letters."))
    if is_silent(endpoint, now=now):
        return Badge("warn", _("Silent"), _("Nothing came for longer than you expect."), "bell-off")
    if not counts.targets:
        return Badge("info", _("No target"), _("Events are kept and go nowhere."))
    return Badge("ok", _("Handing on"), "", "send")


def disabled() -> Badge:
    """Return what is said of an endpoint that takes nothing."""
    return Badge("warn", _("Disabled"), _("The vendor is told 410: gone."), "ban")


def is_silent(endpoint: WebhookEndpoint, *, now: datetime) -> bool:
    """Tell whether nothing came for longer than the endpoint's own limit."""
    if endpoint.silent_after_s is None:
        return False
    since = endpoint.last_event_at or endpoint.created_at
    return now - since > timedelta(seconds=endpoint.silent_after_s)


def counts_of(ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Counts]:
    """Return the counts of endpoints: of a day by the events' own index, of what is open by the deliveries'."""
    wanted = list(ids)
    counts = {pk: Counts() for pk in wanted}
    for pk, *numbers in _arrived(wanted, now=now):
        found = counts[pk]
        found.accepted_day, found.accepted_hour, found.refused_day, found.refused_hour = numbers
    open_ones = WebhookDelivery.objects.filter(endpoint__in=wanted, state__in=(*OPEN_STATES, DEAD)).order_by()
    for pk, waiting, dead in open_ones.values_list("endpoint").annotate(
        waiting=Count("pk", filter=Q(state__in=OPEN_STATES)), dead=Count("pk", filter=Q(state=DEAD))
    ):
        counts[pk].waiting, counts[pk].dead = waiting, dead
    targets = WebhookTarget.objects.filter(endpoint__in=wanted).order_by()
    for pk, number in targets.values_list("endpoint").annotate(number=Count("pk")):
        counts[pk].targets = number
    return counts


def _arrived(ids: list[UUID], *, now: datetime) -> Iterable[tuple]:
    """Give for each endpoint what was accepted and refused, in a day and in an hour.

    The index is by endpoint and id; an id begins with the time it was made, so only a day's rows are read.
    """
    since = id_at(now - DAY - SLACK)
    rows = WebhookEvent.objects.filter(endpoint__in=ids, pk__gte=since, received_at__gt=now - DAY).order_by()
    refused, lately = Q(verdict=QUARANTINED), Q(received_at__gt=now - HOUR)
    return rows.values_list("endpoint").annotate(
        accepted_day=Count("pk", filter=~refused),
        accepted_hour=Count("pk", filter=~refused & lately),
        refused_day=Count("pk", filter=refused),
        refused_hour=Count("pk", filter=refused & lately),
    )
