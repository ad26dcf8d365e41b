"""A route that takes nothing is told of by another way: Messages and mail of those who manage it. Once, and its end."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from integrations.alerts.routes.answers import Result, sentence
from integrations.alerts.saying import page_url, recipients, tell
from integrations.models import AlertRoute
from secrets_vault.models import User
from secrets_vault.people.language import writing_to

MANY = 3


def works(route: AlertRoute, *, now: datetime) -> None:
    """Note that a message arrived; tell that the trouble is over, if it was told."""
    AlertRoute.objects.filter(pk=route.pk).update(failures_in_row=0, next_try_at=None, last_error="", last_ok_at=now)
    with transaction.atomic():
        told = AlertRoute.objects.filter(pk=route.pk, trouble_told_at__isnull=False)
        since = told.values_list("trouble_told_at", flat=True).first()
        if since is not None and told.update(trouble_told_at=None):
            _tell(route, "route_works", key=f"{route.pk}:{since.isoformat()}", now=now, result=None)


def failed(route: AlertRoute, result: Result, *, rests_until: datetime | None, now: datetime) -> None:
    """Note a failure; tell of it when a person must act, or when it was the third in a row."""
    mine = AlertRoute.objects.filter(pk=route.pk)
    code = result.code or str(result.status or "")
    mine.update(failures_in_row=F("failures_in_row") + 1, next_try_at=rests_until, last_error=code[:60])
    many = mine.filter(failures_in_row__gte=MANY).exists()
    with transaction.atomic():
        if (many or result.is_of_the_address) and mine.filter(trouble_told_at=None).update(trouble_told_at=now):
            _tell(route, "route_failing", key=f"{route.pk}:{now.isoformat()}", now=now, result=result)


def _tell(route: AlertRoute, kind: str, *, key: str, now: datetime, result: Result | None) -> None:
    for user in _people(route):
        with writing_to(user):
            why = sentence(route.channel, status=result.status, code=result.code) if result else ""
        context: dict[str, object] = {"route": route, "why": why, "url": page_url(f"/settings/alerts/{route.pk}/")}
        tell(user, kind, context, key=key, client=route.client, now=now, is_play=False)


def _people(route: AlertRoute) -> list[User]:
    if route.client is not None:
        return recipients(route.client)
    return list(User.objects.filter(is_owner=True, is_active=True))
