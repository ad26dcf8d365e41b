"""Once a day, what is still open: one message for a person or a route, however many troubles there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils.translation import override

from integrations.alerts.hours import days_beginning, zone_of
from integrations.alerts.kinds import is_at_least, kind_of
from integrations.alerts.routes.noting import put
from integrations.alerts.saying import compose, page_url, say
from integrations.models import AlertEpisode, AlertHours, AlertRoute, Message
from integrations.models.alert_route import DIGEST_AT
from secrets_vault.models import Membership, User
from secrets_vault.people.language import code_of, writing_to

NEWS = timedelta(hours=12)
"""So long after it was told a trouble is not "still" there: who read of it last night need not read it at breakfast."""
MOST = 500
NAMED = 20


def tell_still(now: datetime) -> int:
    """Write to everyone whose day has begun what is still open; return how many messages are new."""
    troubles = [each for each in _open(now) if not _is_play(each)]
    if not troubles:
        return 0
    return _tell_people(troubles, now=now) + _tell_routes(troubles, now=now)


def _open(now: datetime) -> Iterable[AlertEpisode]:
    rows = AlertEpisode.objects.filter(closed_at=None, told_at__lte=now - NEWS, client__archived_at=None)
    awake = rows.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=now)).order_by("opened_at")
    return list(awake.select_related("client", "connection__environment", "token")[:MOST])


def _is_play(episode: AlertEpisode) -> bool:
    each = episode.connection
    is_of_play = each is not None and (each.is_sandbox or each.is_demo)
    return is_of_play or episode.client.is_sandbox or episode.client.is_demo


def _tell_people(troubles: list[AlertEpisode], *, now: datetime) -> int:
    told = 0
    due = {f"still:{began:%Y-%m-%d}:{user.pk}": (user, mine) for user, mine, began in _people(troubles, now=now)}
    said = set(Message.objects.filter(dedupe_key__in=due).values_list("dedupe_key", flat=True))
    for key, (user, mine) in due.items():
        if key in said:
            continue
        with writing_to(user):
            subject, body = _composed(mine)
        told += say(user, "still", dedupe_key=key, subject=subject, body=body, now=now) is not None
    return told


def _people(troubles: list[AlertEpisode], *, now: datetime) -> Iterator[tuple[User, list[AlertEpisode], datetime]]:
    """Yield who wants to hear of which troubles today, in three queries."""
    clients = {each.client_id for each in troubles}
    managed: dict[UUID, set[UUID]] = {}
    rows = Membership.objects.filter(client__in=clients, role="manager", state="active")
    for user_id, client_id in rows.values_list("user_id", "client_id"):
        managed.setdefault(user_id, set()).add(client_id)
    hours = {row.user_id: row for row in AlertHours.objects.all()}
    for user in User.objects.filter(Q(is_owner=True) | Q(pk__in=managed), is_active=True):
        own = hours.get(user.pk)
        began = days_beginning(now, at=own.digest_at if own else DIGEST_AT, zone=zone_of(user.time_zone))
        if began is None or (own is not None and not own.wants_still):
            continue
        visible = [each for each in troubles if user.is_owner or each.client_id in managed.get(user.pk, ())]
        if mine := _no_news(visible, began=began):
            yield user, mine, began


def _no_news(troubles: list[AlertEpisode], *, began: datetime) -> list[AlertEpisode]:
    """Return those that were told long enough before the day began, however late in it we look."""
    return [each for each in troubles if each.told_at is not None and each.told_at <= began - NEWS]


def _tell_routes(troubles: list[AlertEpisode], *, now: datetime) -> int:
    told = 0
    for route in AlertRoute.objects.filter(wants_still=True, is_paused=False).exclude(
        channel__in=("sheets", "airtable")
    ):
        began = days_beginning(now, at=route.digest_at, zone=zone_of(route.time_zone))
        mine = _no_news([each for each in troubles if _concerns(route, each)], began=began) if began else []
        if began is None or not mine:
            continue
        with override(code_of(route.language)):
            subject, body = _composed(mine)
        key, url = f"still:{began:%Y-%m-%d}", page_url("/alerts/")
        told += put(route, "still", key=key, subject=subject, body=body, url=url, client=None, now=now)
    return told


def _concerns(route: AlertRoute, episode: AlertEpisode) -> bool:
    if route.client_id not in (None, episode.client_id) or (route.kinds and episode.kind not in route.kinds):
        return False
    return is_at_least(kind_of(episode.kind).severity, route.least)


def _composed(troubles: list[AlertEpisode]) -> tuple[str, str]:
    rows = [{"episode": each, "words": kind_of(each.kind).words, "subject": each.subject} for each in troubles]
    more = max(0, len(rows) - NAMED)
    context = {"rows": rows[:NAMED], "count": len(rows), "more": more, "url": page_url("/alerts/")}
    return compose("still", context)
