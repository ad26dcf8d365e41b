"""How an endpoint stands, at a glance: is it verified, how old is its secret, when did it last hear something."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from dashboard.pages.webhooks.state import Badge, disabled, is_silent, verification_of
from integrations.models import WebhookDelivery, WebhookTarget
from integrations.webhooks import quarantine
from integrations.webhooks.endpoints import scheme_of
from integrations.webhooks.making import address_of

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint
    from integrations.webhooks.schemes.shape import Scheme


@dataclass(frozen=True)
class Glance:
    """What the head of an endpoint's pages says."""

    endpoint: WebhookEndpoint
    scheme: Scheme | None
    verification: Badge
    is_silent: bool
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
    refused = quarantine.in_quarantine(endpoint)
    times = list(refused.values_list("received_at", flat=True)[: quarantine.MOST + 1])
    return Glance(
        endpoint=endpoint,
        scheme=scheme,
        verification=standing_of(endpoint, scheme, now=now),
        is_silent=endpoint.disabled_at is None and is_silent(endpoint, now=now),
        url=address_of(endpoint),
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


def standing_of(endpoint: WebhookEndpoint, scheme: Scheme | None, *, now: datetime) -> Badge:
    """Return whether what arrives is proven, in the list's word; where all is well the sentence says by what."""
    if endpoint.disabled_at is not None:
        return disabled()
    found = verification_of(endpoint, now=now)
    if found.why or scheme is None:
        return found
    said = (
        _("By the keys that {name} publishes.") if scheme.needs_published_keys else _("As {name} signs each request.")
    )
    return replace(found, why=said.format(name=scheme.name))
