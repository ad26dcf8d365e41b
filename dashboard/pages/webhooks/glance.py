"""How an endpoint stands, at a glance: is it verified, how old is its secret, when did it last hear something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from dashboard.pages.webhooks.looking import public_url
from integrations.models import WebhookDelivery, WebhookEvent, WebhookTarget
from integrations.webhooks.endpoints import NO_VERIFICATION, scheme_of

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint
    from integrations.webhooks.schemes.shape import Scheme


@dataclass(frozen=True)
class Word:
    """A state in a word, with its tone and a sentence."""

    tone: str
    word: str
    text: str = ""


@dataclass(frozen=True)
class Glance:
    """What the head of an endpoint's pages says."""

    endpoint: WebhookEndpoint
    scheme: Scheme | None
    verification: Word
    silence: Word | None
    url: str
    quarantined: int
    gives_up_at: datetime | None
    dead: int
    targets: list[Any]
    now: datetime

    @property
    def name(self) -> str:
        """Return what the vendor is called, for a sentence."""
        return self.scheme.name if self.scheme else _("the vendor")

    @property
    def answer_within_s(self) -> float | None:
        """Return how long the vendor waits for an answer, where that is known."""
        return self.scheme.sender.gives_up_after_s if self.scheme else None

    @property
    def repeats_for_s(self) -> float | None:
        """Return how long the vendor goes on trying one event, where that is known."""
        return self.scheme.sender.repeats_for_s if self.scheme else None

    @property
    def retries(self) -> str:
        """Return what is known of how often the vendor comes again, in the words of its facts."""
        said = self.scheme.sender.retries if self.scheme else ""
        return "" if said == "not established here" else said


def glance_of(endpoint: WebhookEndpoint, *, now: datetime) -> Glance:
    """Return how an endpoint stands, in three queries."""
    scheme = scheme_of(endpoint)
    refused = WebhookEvent.objects.filter(endpoint=endpoint, verdict=WebhookEvent.Verdict.QUARANTINED).order_by()
    times = list(refused.order_by("-received_at").values_list("received_at", flat=True)[:1_001])
    return Glance(
        endpoint=endpoint,
        scheme=scheme,
        verification=verification_of(endpoint, scheme),
        silence=silence_of(endpoint, now=now),
        url=public_url(endpoint),
        quarantined=len(times),
        gives_up_at=_gives_up_at(times, scheme, now=now),
        dead=WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDelivery.State.DEAD).count(),
        targets=list(WebhookTarget.objects.filter(endpoint=endpoint).defer("url_sealed")),
        now=now,
    )


def _gives_up_at(refused_at: list[datetime], scheme: Scheme | None, *, now: datetime) -> datetime | None:
    """Return when the vendor stops repeating the oldest refused request that it still repeats."""
    horizon_s = scheme.sender.repeats_for_s if scheme else None
    if not horizon_s:
        return None
    lasts = timedelta(seconds=horizon_s)
    return min((at + lasts for at in refused_at if at + lasts > now), default=None)


def verification_of(endpoint: WebhookEndpoint, scheme: Scheme | None) -> Word:
    """Return whether what arrives is proven, in a word and why."""
    if endpoint.disabled_at is not None:
        return Word("", _("Switched off"), _("Every request is answered 410."))
    if endpoint.scheme_key == NO_VERIFICATION:
        return Word("bad", _("Not verified"), _("Anybody who knows the address can send events. Choose a scheme."))
    if scheme is None:
        return Word("bad", _("Scheme not known"), _("Every request is kept in quarantine until a scheme is chosen."))
    if scheme.needs_published_keys:
        return Word("ok", _("Verified"), _("By the keys that {name} publishes.").format(name=scheme.name))
    if endpoint.secret is None or endpoint.secret.current is None:
        return Word("bad", _("No secret"), _("Every request is kept in quarantine until its secret is stored."))
    return Word("ok", _("Verified"), _("Each request is checked as {name} signs it.").format(name=scheme.name))


def silence_of(endpoint: WebhookEndpoint, *, now: datetime) -> Word | None:
    """Return for how long nothing came, where that is longer than the endpoint allows."""
    allowed_s = endpoint.silent_after_s
    if not allowed_s or endpoint.disabled_at is not None:
        return None
    since = endpoint.last_event_at or endpoint.created_at
    if now - since <= timedelta(seconds=allowed_s):
        return None
    return Word("warn", _("Silent"))
