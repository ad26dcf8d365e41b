"""A request link: one page on which a client gives consents and hands over keys, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from integrations.connections.credential import FIELDS
from integrations.links.link import LinkRefused, begin, record_act
from integrations.models import ClientLink, Connection, LinkItem
from secrets_vault.actor import Actor
from secrets_vault.models import Client

MOST_ITEMS = 12

Takes = LinkItem.Takes


@dataclass(frozen=True)
class Ask:
    """One connection that the client is to complete. `lands_as` counts for a key only."""

    connection: Connection
    lands_as: str = LinkItem.LandsAs.CURRENT

    @property
    def takes(self) -> str:
        """Return what the client gives. Raises LinkRefused where a page could not take it."""
        if self.connection.kind == Connection.Kind.OAUTH2:
            if self.connection.oauth_app_id is None:
                raise LinkRefused(f"{self.connection.slug} has no OAuth app yet")
            return Takes.CONSENT
        if self.connection.kind not in FIELDS:
            raise LinkRefused(f"what {self.connection.slug} takes cannot be handed over on a page")
        return Takes.CREDENTIAL


def make_request(
    client: Client, asks: Sequence[Ask], *, actor: Actor, now: datetime, days: int = 7, **terms: Any
) -> tuple[ClientLink, str]:
    """Return a new request link and its address, which is shown this once. Raises LinkRefused.

    `terms` are those of `begin`, and `why`: the sentence that the client reads above the list.
    """
    _check(client, asks)
    with transaction.atomic():
        link, url = begin(ClientLink.Kind.REQUEST, client, actor=actor, now=now, days=days, **terms)
        for position, ask in enumerate(asks):
            LinkItem.objects.create(
                link=link, position=position, connection=ask.connection, takes=ask.takes, lands_as=ask.lands_as
            )
        record_act(link, "link.made", actor=actor, days=days, items=len(asks))
    return link, url


def _check(client: Client, asks: Sequence[Ask]) -> None:
    if not 1 <= len(asks) <= MOST_ITEMS:
        raise LinkRefused(f"a link asks for 1 to {MOST_ITEMS} things")
    if any(ask.connection.client_id != client.pk for ask in asks):
        raise LinkRefused("a link is for one client")
    if len({ask.connection.pk for ask in asks}) != len(asks):
        raise LinkRefused("each connection is asked for once")
