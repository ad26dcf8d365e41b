"""One link as a list or a page shows it: what it asks for, how far it is, and why something failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Q

from dashboard.names import name_providers
from dashboard.pages.connecting.links import STATES, LinkRow, row_of
from integrations.models import ClientLink, Connection, LinkItem

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from secrets_vault.models import User


@dataclass(frozen=True)
class RequestRow:
    """A link with its state in words. `done` of `asked` items are there."""

    state: LinkRow
    connections: tuple[Connection, ...]
    done: int

    @property
    def link(self) -> ClientLink:
        """Return the row behind it."""
        return self.state.link

    @property
    def asked(self) -> int:
        """Return how many things it asks for."""
        return len(self.connections)

    @property
    def names(self) -> str:
        """Return the providers in a line."""
        return ", ".join(connection.provider_name for connection in self.connections)  # type: ignore[attr-defined]


def loaded(rows: QuerySet[ClientLink]) -> QuerySet[ClientLink]:
    """Return a query that brings what the rows show."""
    about = rows.select_related("client", "created_by", "connection__environment", "connection__client")
    return about.prefetch_related("items__connection__environment")


def rows_of(links: Iterable[ClientLink], *, now: datetime) -> list[RequestRow]:
    """Return links as rows; no query for what `loaded` has brought."""
    found = [_row(link, now=now) for link in links]
    name_providers([connection for row in found for connection in row.connections])
    return found


def _row(link: ClientLink, *, now: datetime) -> RequestRow:
    items = list(link.items.all())
    if link.connection is not None:
        return RequestRow(row_of(link, now=now), (link.connection,), int(link.used_at is not None))
    done = sum(item.done_at is not None for item in items)
    return RequestRow(row_of(link, now=now), tuple(item.connection for item in items), done)


def links_of(connection: Connection, user: User, *, now: datetime, most: int = 5) -> list[LinkRow]:
    """Return the newest links of both kinds that ask for a connection, each with what came of it there."""
    found = _about([connection.pk], user)[:most]
    items = {item.link_id: item for item in LinkItem.objects.filter(connection=connection, link__in=list(found))}
    return [_row_there(link, items.get(link.pk), now=now) for link in found]


def waiting_links(connections: Iterable[Connection], user: User, *, now: datetime) -> dict[UUID, LinkRow]:
    """Return the newest link that still asks for each of these connections: two queries for a page of a list."""
    ids = [connection.pk for connection in connections]
    living = Q(used_at=None, revoked_at=None, expires_at__gt=now)
    links = {link.pk: link for link in _about(ids, user).filter(living)}
    found = {link.connection_id: _row_there(link, None, now=now) for link in reversed(links.values())}
    asked = LinkItem.objects.filter(link__in=list(links), connection__in=ids, done_at=None).order_by("link_id")
    found |= {item.connection_id: _row_there(links[item.link_id], item, now=now) for item in asked}
    return {pk: row for pk, row in found.items() if pk is not None}


def _about(ids: list[UUID], user: User) -> QuerySet[ClientLink]:
    about = ClientLink.objects.filter(Q(connection__in=ids) | Q(items__connection__in=ids)).values("pk")
    rows: QuerySet[ClientLink] = ClientLink.objects.visible_to(user).filter(pk__in=about)
    return rows.order_by("-pk")


def _row_there(link: ClientLink, item: LinkItem | None, *, now: datetime) -> LinkRow:
    """Return a link as it stands for one connection: an item that is done, or failed, says so before the link does."""
    if item is not None and item.done_at is not None:
        tone, word = STATES["used"]
        return LinkRow(link, tone, str(word), "", item.done_at, is_open=False)
    if item is not None:
        link.failed_at, link.failed_code = item.failed_at, item.failed_code
    return row_of(link, now=now)
