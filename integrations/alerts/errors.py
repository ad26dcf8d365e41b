"""Puts errors of a new kind, and those that came back, on the way to the routes and sinks that ask for them.

The call log may be in another file than the routes, so no transaction covers both. The groups are read by watermark
instead, ten minutes of overlap included, and the key of each delivery keeps it from being made twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import override

from integrations.alerts.kinds import is_at_least, kind_of
from integrations.alerts.routes import sinks
from integrations.alerts.routes.noting import put
from integrations.alerts.saying import compose, is_play_of, page_url
from integrations.models import AlertDelivery, AlertRoute, Connection, ErrorGroup
from secrets_vault.ids import id_at
from secrets_vault.models import Client, InstallationSetting
from secrets_vault.people.language import code_of

SEEN = "alerts.errors_seen"
OVERLAP = timedelta(minutes=10)
MOST = 500
State = ErrorGroup.State


@dataclass(frozen=True)
class Told:
    """One error to tell of: as new, or as back again."""

    group: ErrorGroup
    client: Client
    connection: Connection | None
    kind: str

    @property
    def key(self) -> str:
        """Return what keeps it from being told twice."""
        at = self.group.state_changed_at
        return f"{self.kind}:{self.group.pk}" + (f":{at:%Y%m%d%H%M%S}" if self.kind == "error_back" and at else "")


def look(now: datetime) -> int:
    """Note what is new since the last look; return how many deliveries are new. The first look only sets the mark."""
    row, is_first = InstallationSetting.objects.get_or_create(key=SEEN, defaults={"value": now.isoformat()})
    if is_first:
        return 0
    since = min(datetime.fromisoformat(row.value), now) - OVERLAP
    routes = list(AlertRoute.objects.filter(is_paused=False).select_related("client"))
    groups, mark = _groups(since, now=now) if routes else ([], now)
    noted = _note(list(_told(groups)), routes, now=now)
    InstallationSetting.objects.filter(key=SEEN, value=row.value).update(value=mark.isoformat())
    return noted


def _groups(since: datetime, *, now: datetime) -> tuple[list[tuple[ErrorGroup, str]], datetime]:
    """Return the groups made or come back since then, and up to when that is all of them."""
    fresh: QuerySet[ErrorGroup] = ErrorGroup.objects.filter(pk__gte=id_at(since)).order_by("pk")
    back = ErrorGroup.objects.filter(state=State.CAME_BACK, state_changed_at__gte=since).order_by("state_changed_at")
    new_ones, back_ones = list(fresh[:MOST]), list(back[:MOST])
    marks = [now]
    if len(new_ones) == MOST:
        marks.append(new_ones[-1].first_seen_at)
    if len(back_ones) == MOST and back_ones[-1].state_changed_at:
        marks.append(back_ones[-1].state_changed_at)
    found = [(each, "error_new") for each in new_ones if each.state != State.RESOLVED]
    # Where more than fits came within the overlap, the mark must move all the same.
    return found + [(each, "error_back") for each in back_ones], max(min(marks), since + OVERLAP)


def _told(groups: Iterable[tuple[ErrorGroup, str]]) -> Iterator[Told]:
    """Yield the errors of real clients: those of a connection, and those that a tool reported of itself."""
    pairs = list(groups)
    clients = {each.pk: each for each in Client.objects.filter(pk__in={group.client_id for group, _kind in pairs})}
    wanted = {group.connection_id for group, _kind in pairs if group.connection_id}
    connections = {each.pk: each for each in Connection.objects.filter(pk__in=wanted)}
    for group, kind in pairs:
        client, connection = clients.get(group.client_id), connections.get(group.connection_id)
        is_play = connection is not None and (connection.is_sandbox or connection.is_demo)
        if client is None or client.archived_at or is_play_of(client) or is_play:
            continue
        yield Told(group, client, connection, kind)


def _note(errors: list[Told], routes: list[AlertRoute], *, now: datetime) -> int:
    """Put each error on its way by the routes that take it and have not had it; return how many that were."""
    rows = AlertDelivery.objects.filter(dedupe_key__in=[each.key for each in errors])
    had = set(rows.values_list("route_id", "dedupe_key"))
    wanted = ((route, each) for each in errors for route in routes if (route.pk, each.key) not in had)
    return sum(_put(route, each, now=now) for route, each in wanted if _takes(route, each))


def _takes(route: AlertRoute, told: Told) -> bool:
    """Tell whether a route wants an error. One of the very connection that a sink writes through is not for it."""
    if route.client_id not in (None, told.client.pk):
        return False
    if told.connection is not None and route.connection_id == told.connection.pk:
        return False
    if sinks.is_sink(route):
        return True
    is_bad_enough = is_at_least(kind_of(told.kind).severity, route.least)
    return is_bad_enough and told.kind in route.kinds


def _put(route: AlertRoute, told: Told, *, now: datetime) -> int:
    group, url = told.group, page_url(f"/errors/{told.group.pk}/")
    facts: dict[str, object] = {
        "connection": str(told.connection or group.get_source_display()),
        "title": group.title,
        "status": group.status,
        "cause": group.cause,
        "remedy": group.remedy,
        "count": group.count,
    }
    about = {"client": told.client, "method": group.method, "place": group.path_template, "url": url}
    with override(code_of(route.language)):
        subject, body = compose(told.kind, facts | about)
    said = {"subject": subject, "body": body, "url": url}
    return put(route, told.kind, key=told.key, client=told.client, now=now, facts=facts, **said)
