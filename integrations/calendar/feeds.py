"""The private address of a feed: made, found, ended. Only a keyed hash of its token is stored."""

from __future__ import annotations

import re
import secrets

from django.conf import settings
from django.db import transaction

from integrations.models import CalendarFeed
from secrets_vault import audit, vault
from secrets_vault.actor import Actor
from secrets_vault.models import Client, User

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def make_feed(*, actor: Actor, user: User | None = None, client: Client | None = None) -> str:
    """Return a new address, shown this once; one that was there before ends. Of a client, or of a person."""
    token = secrets.token_urlsafe(32)
    mine = {"client": client} if client is not None else {"user": user, "client": None}
    with transaction.atomic():
        CalendarFeed.objects.update_or_create(**mine, defaults={"token_hash": token_hash(token)})
        audit.record("calendar.made", actor=actor, client=client, subject=client or user, label=_label(user, client))
    return f"{settings.KEYLODGE_PUBLIC_URL}/calendar/{token}.ics"


def end_feed(feed: CalendarFeed, *, actor: Actor) -> None:
    """End an address; calendars that read it get nothing more."""
    with transaction.atomic():
        audit.record(
            "calendar.ended",
            actor=actor,
            client=feed.client,
            subject=feed.client or feed.user,
            label=_label(feed.user, feed.client),
        )
        feed.delete()


def _label(user: User | None, client: Client | None) -> str:
    return client.name if client is not None else str(user)


def token_hash(token: str) -> bytes:
    """Return what stands for a feed's token. Looked up by equality: a keyed hash leaves nothing to time."""
    return vault.keyed_hash("calendar-token", token.encode())


def find_feed(token: str) -> CalendarFeed | None:
    """Return the feed, while its person is active or its client is not archived."""
    if not TOKEN.fullmatch(token):
        return None
    rows = CalendarFeed.objects.select_related("user", "client").filter(token_hash=token_hash(token))
    feed: CalendarFeed | None = rows.first()
    if feed is None:
        return None
    if feed.client is not None:
        return feed if feed.client.archived_at is None else None
    return feed if feed.user is not None and feed.user.is_active else None


def feed_of(*, user: User | None = None, client: Client | None = None) -> CalendarFeed | None:
    """Return the feed that there is."""
    rows = CalendarFeed.objects.all()
    found = rows.filter(client=client) if client is not None else rows.filter(user=user, client=None)
    feed: CalendarFeed | None = found.first()
    return feed
