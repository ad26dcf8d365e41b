"""Errors that are open, on Today: those of calls, and those that a tool reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.light import LightConnection, light_connections
from dashboard.names import name_providers
from dashboard.navigation import OPEN_STATES
from dashboard.need import Need, Route, Waiting
from dashboard.words import ago_words, thousands
from integrations.causes.saying import in_words
from integrations.models import Connection, ErrorGroup
from integrations.models.call import Source
from secrets_vault.models import Client

MOST = 200


class LightGroup(NamedTuple):
    """What the queue says of a group of errors."""

    pk: UUID
    client_id: UUID
    connection_id: UUID | None
    source: str
    title: str
    method: str
    path_template: str
    call_count: int
    last_seen_at: datetime


SHOWN_OF_GROUP = (
    "pk",
    "client_id",
    "connection_id",
    "source",
    "title",
    "method",
    "path_template",
    "count",
    "last_seen_at",
)


def error_needs(client_ids: Sequence[UUID], *, broken: Sequence[str], now: datetime) -> Iterator[Waiting]:
    """Yield the error groups that are open and were seen in the last day; `broken` are states that say it already."""
    since = now - timedelta(days=1)
    rows = ErrorGroup.objects.filter(client_id__in=client_ids, state__in=OPEN_STATES, last_seen_at__gte=since)
    newest = rows.order_by("-last_seen_at").values_list(*SHOWN_OF_GROUP)[:MOST]
    groups = [LightGroup._make(row) for row in newest]
    # What does not work at all is in the queue already; its errors would say the same again.
    working = Connection.objects.exclude(status__in=broken)
    # The client is compared here: a second list of hundreds of ids costs the database more than the rows do.
    wanted = {group.connection_id for group in groups if group.connection_id}
    found = light_connections(working.filter(pk__in=wanted))
    clients = set(client_ids)
    connections = {row.pk: row for row in name_providers(found) if row.client_id in clients}
    names = _client_names(groups)
    for group in groups:
        connection = connections.get(group.connection_id) if group.connection_id else None
        if connection is not None:
            yield Waiting(4, partial(_error_need, group, connection, now=now))
        elif group.connection_id is None and group.client_id in clients:
            yield Waiting(4, partial(_reported_need, group, names[group.client_id], now=now))


def _client_names(groups: Iterable[LightGroup]) -> dict[UUID, tuple[str, str]]:
    """Return name and slug of the clients of whom a tool reported something that is about no connection."""
    wanted = {group.client_id for group in groups if group.connection_id is None}
    rows = Client.objects.filter(pk__in=wanted).values_list("pk", "name", "slug") if wanted else ()
    return {pk: (name, slug) for pk, name, slug in rows}


def _reported_need(group: LightGroup, client: tuple[str, str], *, now: datetime) -> Need:
    name, slug = client
    tool = str(dict(Source.choices).get(group.source, group.source))
    text = ngettext("{n} time, reported by {tool}", "{n} times, reported by {tool}", group.call_count)
    return Need(
        "warn",
        in_words(group.title),
        text.format(n=thousands(group.call_count), tool=tool),
        [("error", group.pk), ("client", slug)],
        _("See error"),
        ago_words(group.last_seen_at, now=now),
        client_name=name,
    )


def _error_need(group: LightGroup, connection: LightConnection, *, now: datetime) -> Need:
    routes: list[Route] = [("error", group.pk), ("client", connection.client.slug)]
    text = ngettext("{n} call, {path}", "{n} calls, {path}", group.call_count).format(
        n=thousands(group.call_count), path=f"{group.method} {group.path_template}"
    )
    return Need(
        "warn",
        in_words(group.title),
        text,
        routes,
        _("See error"),
        ago_words(group.last_seen_at, now=now),
        client_name=connection.client.name,
        environment=connection.environment,
        provider_key=connection.provider_key,
        provider_name=getattr(connection, "provider_name", ""),
    )
