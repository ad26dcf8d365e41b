"""Where an endpoint's events go: made, changed, paused, taken away. Each act is in the book."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.models import WebhookEndpoint, WebhookTarget
from integrations.outbound import HostRefused, OutboundError
from integrations.webhooks import changing, filters, forwarding, making, sealing
from integrations.webhooks.filters import BadFilter
from integrations.webhooks.making import CannotMakeEndpoint
from secrets_vault.actor import Actor
from secrets_vault.secret import Secret

MOST_TARGETS = 20
LONGEST_NAME = 120
LONGEST_URL = 2_000
KEEP: Any = object()
# Another address has done nothing wrong yet.
FRESH: dict[str, Any] = {
    "breaker_state": WebhookTarget.Breaker.CLOSED,
    "breaker_until": None,
    "failures_in_row": 0,
}


class CannotForward(IntegrationError):
    """A target cannot be like this. `field` is url, name or filter; the message says what to correct."""

    code = "cannot_forward"

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(reason)


def make(
    endpoint: WebhookEndpoint,
    url: Secret,
    *,
    actor: Actor,
    now: datetime | None = None,
    name: str = "",
    filter: Any = None,
) -> WebhookTarget:
    """Return a new target with a signing secret of its own, which the vault keeps and shows. Raises CannotForward.

    Only events that arrive from now on go there.
    """
    about = {"name": _name(name), "filter": _filter(filter)}
    check_url(url)
    if WebhookTarget.objects.filter(endpoint=endpoint).count() >= MOST_TARGETS:
        raise CannotForward("url", _("An endpoint has at most {most} targets.").format(most=MOST_TARGETS))
    return making.add_target(endpoint, url, actor=actor, now=now or timezone.now(), **about)


def check_url(url: Secret) -> None:
    """Raise CannotForward unless events may go to this address. Its host is looked up now, and at each call again."""
    text = url.expose()
    if not text or len(text) > LONGEST_URL:
        raise CannotForward("url", _("Give the whole address, at most {most} characters.").format(most=LONGEST_URL))
    try:
        if making.is_our_own(*outbound.split_url(text)):
            circle = _("This is an endpoint of Keylodge itself: the events would go round in a circle.")
            raise CannotForward("url", circle)
        outbound.vet(text)
    except HostRefused:
        raise CannotForward(
            "url",
            _("Events go to https addresses on the public internet, and to hosts that the installation opens."),
        ) from None
    except outbound.BadRequest:
        raise CannotForward("url", _("This is no http or https address with a plain host name.")) from None
    except OutboundError:
        raise CannotForward("url", _("The host of this address was not found. Check how it is spelled.")) from None


def change(
    target: WebhookTarget, *, actor: Actor, url: Secret | None = None, name: str | None = None, filter: Any = KEEP
) -> None:
    """Change what is given; what waits goes to the new address too. Raises CannotForward, and then changes nothing."""
    changed: dict[str, Any] = {}
    if name is not None and (checked := _name(name)) != target.name:
        changed["name"] = checked
    if filter is not KEEP and (wanted := _filter(filter)) != target.filter:
        changed["filter"] = wanted
    is_moved = url is not None and url != sealing.open_url(target, client=target.endpoint.client)
    if url is not None and is_moved:
        check_url(url)
    with transaction.atomic():
        if url is not None and is_moved:
            making.move_target(target, url, actor=actor)
            changed |= FRESH
        if changed:
            _save(target, changed)
        if set(changed) - set(FRESH):
            _tell("webhook.target_changed", target, actor=actor, changed=sorted(set(changed) - set(FRESH)))


def remove(target: WebhookTarget, *, actor: Actor) -> None:
    """Take a target away with its history. Raises CannotForward while something waits for it: that would be lost."""
    try:
        making.remove_target(target, actor=actor)
    except CannotMakeEndpoint as cannot:
        raise CannotForward("url", str(cannot)) from None


def pause(target: WebhookTarget, *, actor: Actor) -> None:
    """Send nothing there until it is resumed. What arrives waits; nothing is lost and no try is used up."""
    _pause(target, "webhook.target_paused", is_paused=True, actor=actor)


def resume(target: WebhookTarget, *, actor: Actor) -> None:
    """Send again, what waited first."""
    _pause(target, "webhook.target_resumed", is_paused=False, actor=actor)


def pause_endpoint(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """Hand nothing of an endpoint on until it is resumed. It still takes what arrives, and keeps it."""
    _pause_endpoint(endpoint, "webhook.forwarding_paused", is_paused=True, actor=actor)


def resume_endpoint(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """Hand on again, what waited first."""
    _pause_endpoint(endpoint, "webhook.forwarding_resumed", is_paused=False, actor=actor)


def _pause(target: WebhookTarget, action: str, *, is_paused: bool, actor: Actor) -> None:
    with transaction.atomic():
        if WebhookTarget.objects.filter(pk=target.pk, is_paused=not is_paused).update(is_paused=is_paused):
            _tell(action, target, actor=actor)
            forwarding.ring()
    target.is_paused = is_paused


def _pause_endpoint(endpoint: WebhookEndpoint, action: str, *, is_paused: bool, actor: Actor) -> None:
    was, becomes = {"is_forwarding_paused": not is_paused}, {"is_forwarding_paused": is_paused}
    if changing.switch(endpoint, was, becomes, action=action, actor=actor):
        forwarding.ring()
    endpoint.is_forwarding_paused = is_paused


def _save(target: WebhookTarget, changed: dict[str, Any]) -> None:
    WebhookTarget.objects.filter(pk=target.pk).update(**changed)
    for field, value in changed.items():
        setattr(target, field, value)


def _tell(action: str, target: WebhookTarget, *, actor: Actor, **details: Any) -> None:
    changing.tell(action, target.endpoint, actor=actor, target=str(target.pk), **details)


def _filter(conditions: Any) -> Any:
    try:
        return filters.check(conditions)
    except BadFilter as bad:
        raise CannotForward("filter", str(bad)) from bad


def _name(name: str) -> str:
    name = name.strip()
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise CannotForward("name", _("A name is one line of at most {most} characters.").format(most=LONGEST_NAME))
    return name
