"""What was held back goes out as one: after quiet hours, and where more came within an hour than anybody reads."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import override

from integrations import wall_clock
from integrations.alerts import hours
from integrations.alerts.saying import compose, page_url
from integrations.models import AlertDelivery, AlertRoute, Message
from secrets_vault.models import User
from secrets_vault.people.language import code_of, writing_to

NAMED = 50


def sum_up(now: datetime) -> int:
    """Send what was held until now, one summary for a person or a route; return how many went on their way."""
    has_come = wall_clock.has_come("due_at", now, at_most=hours.LONGEST)
    mails = Message.objects.filter(has_come, state=Message.State.HELD)
    notes = AlertDelivery.objects.filter(has_come, state=AlertDelivery.State.HELD)
    users = User.objects.filter(pk__in=mails.order_by().values("user_id").distinct())
    routes = AlertRoute.objects.filter(pk__in=notes.order_by().values("route_id").distinct())
    done = sum(_to_person(user, list(mails.filter(user=user).order_by("pk")), now=now) for user in users)
    return done + sum(_by_route(route, list(notes.filter(route=route).order_by("pk")), now=now) for route in routes)


def _to_person(user: User, held: list[Message], *, now: datetime) -> int:
    rows = Message.objects.filter(pk__in=[each.pk for each in held], state=Message.State.HELD)
    if len(held) < 2:
        return rows.update(state=Message.State.QUEUED, due_at=now)
    with writing_to(user):
        subject, body = _composed(held)
    about = {"kind": "summary", "user": user, "to": user.email, "subject": subject, "body": body, "due_at": now}
    try:
        with transaction.atomic():
            # The first of them names the summary: of two workers one makes it.
            Message.objects.create(dedupe_key=f"summary:{held[0].pk}", state=Message.State.QUEUED, **about)
            rows.update(state=Message.State.SUMMED)
    except IntegrityError:
        return 0
    return 1


def _by_route(route: AlertRoute, held: list[AlertDelivery], *, now: datetime) -> int:
    rows = AlertDelivery.objects.filter(pk__in=[each.pk for each in held], state=AlertDelivery.State.HELD)
    if len(held) < 2:
        return rows.update(state=AlertDelivery.State.WAITING, due_at=now)
    with override(code_of(route.language)):
        subject, body = _composed(held)
    about = {"kind": "summary", "severity": "warning", "subject": subject, "body": body, "url": page_url("/alerts/")}
    try:
        with transaction.atomic():
            key = f"summary:{held[0].pk}"
            AlertDelivery.objects.create(route=route, dedupe_key=key, created_at=now, due_at=now, **about)
            rows.update(state=AlertDelivery.State.SUMMED)
    except IntegrityError:
        return 0
    return 1


def _composed(held: list[Message] | list[AlertDelivery]) -> tuple[str, str]:
    more = max(0, len(held) - NAMED)
    return compose("summary", {"rows": held[:NAMED], "count": len(held), "more": more, "url": page_url("/alerts/")})
