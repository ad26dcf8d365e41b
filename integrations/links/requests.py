"""A request link: one page on which a client gives consents and hands over keys, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from integrations.connections.credential import FIELDS
from integrations.links.link import (
    LinkRefused,
    address,
    ends,
    known_language,
    maker,
    new_token,
    record_act,
    seal_token,
    token_hash,
)
from integrations.models import ClientLink, Connection, LinkItem
from secrets_vault.actor import Actor
from secrets_vault.models import Client

MOST_ITEMS = 12
FIRST_REMINDER = timedelta(days=2)

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
    client: Client,
    asks: Sequence[Ask],
    *,
    actor: Actor,
    now: datetime,
    days: int = 7,
    sent_to: str = "",
    language: str = "en",
    why: str = "",
    reminds: bool = False,
) -> tuple[ClientLink, str]:
    """Return a new request link and its address, which is shown this once. Raises LinkRefused.

    With somebody to mail it to, the token is kept sealed, so that a reminder can name the same address.
    """
    _check(client, asks)
    token = new_token()
    with transaction.atomic():
        link = ClientLink(
            kind=ClientLink.Kind.REQUEST,
            token_hash=token_hash(token),
            client=client,
            created_by=maker(actor),
            expires_at=ends(now, days=days),
            sent_to=sent_to,
            language=known_language(language),
            why=why,
        )
        if sent_to:
            link.sealed_token = seal_token(link, token)
            link.remind_at = now + FIRST_REMINDER if reminds else None
        link.save(force_insert=True)
        for position, ask in enumerate(asks):
            LinkItem.objects.create(
                link=link, position=position, connection=ask.connection, takes=ask.takes, lands_as=ask.lands_as
            )
        record_act(link, "link.made", actor=actor, days=days, items=len(asks))
    return link, address(link, token)


def _check(client: Client, asks: Sequence[Ask]) -> None:
    if not 1 <= len(asks) <= MOST_ITEMS:
        raise LinkRefused(f"a link asks for 1 to {MOST_ITEMS} things")
    if any(ask.connection.client_id != client.pk for ask in asks):
        raise LinkRefused("a link is for one client")
    if len({ask.connection.pk for ask in asks}) != len(asks):
        raise LinkRefused("each connection is asked for once")
