"""What about webhooks needs a person: an endpoint that verifies nothing, refuses, falls silent or gets stuck."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from dashboard.need import Need, Waiting
from dashboard.words import ago_words
from integrations.models import WebhookEndpoint, WebhookTarget
from integrations.webhooks.endpoints import NO_VERIFICATION

if TYPE_CHECKING:
    from secrets_vault.models import Client, User

MOST = 200
Said = tuple[str, str, str, str, datetime | None]


def webhook_needs(user: User, *, now: datetime, client: Client | None = None) -> Iterator[Waiting]:
    """Yield what is wrong with the endpoints a person sees, of one client or of all; in one query."""
    stuck = WebhookTarget.objects.filter(endpoint=OuterRef("pk"), trouble_told_at__isnull=False)
    rows = WebhookEndpoint.objects.visible_to(user).filter(disabled_at=None, client__archived_at=None)
    if client is not None:
        rows = rows.filter(client=client)
    rows = rows.annotate(stuck_since=Subquery(stuck.order_by("trouble_told_at").values("trouble_told_at")[:1]))
    troubled = Q(refusals_told_at__isnull=False) | Q(silence_told_at__isnull=False) | Q(stuck_since__isnull=False)
    found = rows.filter(troubled | Q(scheme_key=NO_VERIFICATION) | Q(is_verified_required=False))
    for endpoint in found.select_related("client", "environment").order_by("slug")[:MOST]:
        for harm, said in _troubles(endpoint):
            yield Waiting(harm, partial(_need, endpoint, said, now=now))


def _troubles(endpoint: Any) -> Iterator[tuple[int, Said]]:
    """Yield each trouble of an annotated endpoint with its harm, as a person reads it."""
    if endpoint.scheme_key == NO_VERIFICATION or not endpoint.is_verified_required:
        yield 1, _unverified(endpoint)
    if endpoint.refusals_told_at is not None:
        yield 1, _refusing(endpoint)
    if endpoint.stuck_since is not None:
        yield 1, _stuck(endpoint)
    if endpoint.silence_told_at is not None:
        yield 3, _silent(endpoint)


def _unverified(endpoint: WebhookEndpoint) -> Said:
    text = _("Whoever knows the address can send events, and they are handed on as genuine.")
    return "bad", _("{endpoint} verifies nothing").format(endpoint=endpoint), text, _("Choose a scheme"), None


def _refusing(endpoint: WebhookEndpoint) -> Said:
    title = _("{endpoint} refuses what comes").format(endpoint=endpoint)
    text = _("Most often the secret is wrong. What was refused is kept and can be verified again.")
    return "bad", title, text, _("See quarantine"), endpoint.refusals_told_at


def _stuck(endpoint: Any) -> Said:
    title = _("Events of {endpoint} do not get through").format(endpoint=endpoint)
    text = _("A target does not take them, or some were given up.")
    return "bad", title, text, _("See deliveries"), endpoint.stuck_since


def _silent(endpoint: WebhookEndpoint) -> Said:
    title = _("Nothing comes to {endpoint} any more").format(endpoint=endpoint)
    text = _("Look at the sender whether the webhook is still switched on.")
    return "warn", title, text, _("See webhook"), endpoint.last_event_at


def _need(endpoint: WebhookEndpoint, said: Said, *, now: datetime) -> Need:
    tone, title, text, action, since = said
    return Need(
        tone, title, text, [("webhook", endpoint.slug), ("client", endpoint.client.slug)], action,
        ago_words(since, now=now) if since else "",
        client_name=endpoint.client.name,
        environment=endpoint.environment,
    )  # fmt: skip
