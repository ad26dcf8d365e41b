"""One link as a list or a page shows it: what it asks for, how far it is, and why something failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dashboard.names import name_providers
from dashboard.pages.connecting.links import LinkRow, row_of
from integrations.models import ClientLink, Connection

if TYPE_CHECKING:
    from django.db.models import QuerySet


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
