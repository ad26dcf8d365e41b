"""Routes: made, changed, paused, taken away, tried. Each act is in the book, and no address ever is."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from integrations import outbound
from integrations.alerts.kinds import INFO
from integrations.alerts.routes import sealing, sending, sinks, telling
from integrations.alerts.routes.addresses import BadRoute, check_address
from integrations.alerts.routes.answers import Result, sentence
from integrations.alerts.routes.note import Note
from integrations.alerts.routes.posting import Send, job_of
from integrations.alerts.saying import page_url
from integrations.models import AlertRoute
from integrations.webhooks.making import new_signing_secret
from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.people.language import code_of
from secrets_vault.secret import Secret

MOST_ROUTES = 100


def make(channel: str, address: Secret | None, *, actor: Actor, now: datetime, **about: Any) -> AlertRoute:
    """Return a new route. Raises BadRoute. A signed one gets a secret of its own, which `new_secret` shows once."""
    if AlertRoute.objects.count() >= MOST_ROUTES:
        raise BadRoute("name", _("There are {most} routes, which is the most there can be.").format(most=MOST_ROUTES))
    made_by = uuid.UUID(actor.id) if actor.kind == "user" else None
    route = AlertRoute(channel=channel, created_at=now, created_by_id=made_by, **about)
    if address is not None:
        check_address(channel, address)
        sealing.seal_address(route, address)
    elif not sinks.is_sink(route):
        raise BadRoute("address", _("Say where it should go."))
    if channel == AlertRoute.Channel.SIGNED:
        sealing.seal_signing(route, new_signing_secret())
    with transaction.atomic():
        route.save()
        record(route, "alert_route.made", actor=actor, channel=channel)
    return route


def change(route: AlertRoute, *, actor: Actor, now: datetime, address: Secret | None = None, **about: Any) -> None:
    """Change what is given; what waits goes to a new address. Raises BadRoute, and then changes nothing."""
    changed = {name: value for name, value in about.items() if getattr(route, name) != value}
    for name, value in changed.items():
        setattr(route, name, value)
    is_moved = address is not None and not sealing.leads_to(route, address)
    if address is not None and is_moved:
        check_address(route.channel, address)
        sealing.seal_address(route, address)
        changed |= {"address_sealed": route.address_sealed, "address_masked": route.address_masked}
    if not changed:
        return
    with transaction.atomic():
        route.save(update_fields=list(changed))
        if is_moved or "place" in changed or "connection" in changed:
            sending.hurry(route, now=now)
        told = sorted({name.removesuffix("_sealed").removesuffix("_masked") for name in changed})
        record(route, "alert_route.changed", actor=actor, changed=told)


def new_secret(route: AlertRoute, *, actor: Actor) -> Secret:
    """Give a signed route another signing secret and return it, to be shown once. The old one ends at once."""
    secret = new_signing_secret()
    sealing.seal_signing(route, secret)
    with transaction.atomic():
        route.save(update_fields=["signing_sealed"])
        record(route, "alert_route.changed", actor=actor, changed=["signing_secret"])
    return secret


def pause(route: AlertRoute, *, actor: Actor) -> None:
    """Send nothing by this route, and note nothing for it, until it goes on."""
    with transaction.atomic():
        if AlertRoute.objects.filter(pk=route.pk, is_paused=False).update(is_paused=True):
            record(route, "alert_route.paused", actor=actor)


def resume(route: AlertRoute, *, actor: Actor, now: datetime) -> None:
    """Let a route go on, with what still waited for it."""
    with transaction.atomic():
        if AlertRoute.objects.filter(pk=route.pk, is_paused=True).update(is_paused=False):
            sending.hurry(route, now=now)
            record(route, "alert_route.resumed", actor=actor)


def remove(route: AlertRoute, *, actor: Actor) -> None:
    """Take a route away with its deliveries."""
    with transaction.atomic():
        record(route, "alert_route.removed", actor=actor)
        route.delete()


def try_out(route: AlertRoute, *, actor: Actor, now: datetime, send: Send = outbound.send) -> tuple[bool, str]:
    """Send a test now; return whether it arrived, and what came of it in a sentence."""
    with transaction.atomic():
        record(route, "alert_route.tested", actor=actor)
    with override(code_of(route.language)):
        subject = _("A test from Keylodge")
        text = _("If you read this, alerts arrive here: {name}.").format(name=route.name)
    note = _test_note(route, subject, text, now=now)
    if sinks.is_sink(route):
        result = sinks.job_of(route, note, now=now, send=send)()
    else:
        result = job_of(route, note, attempt=1, now=now, send=send)()
    return _noted(route, result, now=now)


def _test_note(route: AlertRoute, subject: str, text: str, *, now: datetime) -> Note:
    return Note(
        id=uuid.uuid4(),
        kind="test",
        severity=INFO,
        subject=subject,
        text=text,
        url=page_url(f"/settings/alerts/{route.pk}/"),
        client=route.client.slug if route.client else "",
        at=now,
        facts={},
    )


def _noted(route: AlertRoute, result: Result, *, now: datetime) -> tuple[bool, str]:
    if result.is_sent:
        telling.works(route, now=now)
        sending.hurry(route, now=now)
    said = sentence(route.channel, status=result.status, code=result.code)
    return result.is_sent, said


def record(route: AlertRoute, action: str, *, actor: Actor, **details: Any) -> None:
    """Write in the book what was done with a route."""
    about = {"channel": route.channel} | details
    audit.record(action, actor=actor, client=route.client, subject=route, label=route.name, details=about)
