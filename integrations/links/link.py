"""A connect link: who made it, how long it works, and what ended it. Only a keyed hash of its token is stored."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from integrations.errors import IntegrationError
from integrations.links.words import catalogues, words_in
from integrations.models import ClientLink, Connection
from integrations.providers.gone import shown_provider
from integrations.status import record
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.models import User

MAX_DAYS = 7
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class LinkRefused(IntegrationError):
    """A link cannot be made like this. The message says why."""

    code = "link_refused"


def make_link(
    connection: Connection,
    *,
    actor: Actor,
    now: datetime,
    days: int = 7,
    sent_to: str = "",
    language: str = "en",
) -> tuple[ClientLink, str]:
    """Return a new connect link and its address, which is shown this once. Raises LinkRefused."""
    if connection.kind != Connection.Kind.OAUTH2 or connection.oauth_app_id is None:
        raise LinkRefused("only a connection with an OAuth app can be connected by a link")
    if not 1 <= days <= MAX_DAYS:
        raise LinkRefused(f"a link works for 1 to {MAX_DAYS} days")
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        link = ClientLink.objects.create(
            kind=ClientLink.Kind.CONNECT,
            token_hash=token_hash(token),
            client=connection.client,
            connection=connection,
            created_by=User.objects.filter(pk=actor.id).first() if actor.kind == "user" else None,
            expires_at=now + timedelta(days=days),
            sent_to=sent_to,
            language=language if language in catalogues() else "en",
        )
        record(connection, "link.made", actor=actor, link=str(link.pk), days=days)
    return link, f"{settings.KEYLODGE_PUBLIC_URL}/connect/{token}"


def letter(link: ClientLink, url: str) -> tuple[str, str]:
    """Return the subject and text of a mail with the link, in its language.

    It is for the consultant's own mail program: kept under Messages, the address would stand in the
    database and open the link for whoever reads a copy of it.
    """
    words = words_in(
        link.language,
        provider=shown_provider(link.connection).name,
        who=link.created_by.name if link.created_by else link.client.name,
        url=url,
        until=until(link),
    )
    return words["mail_subject"], words["mail_body"]


def until(link: ClientLink) -> str:
    """Return when the link ends, as a person reads it anywhere."""
    return link.expires_at.strftime("%Y-%m-%d %H:%M UTC")


def token_hash(token: str) -> bytes:
    """Return what stands for a link's token in the database."""
    return vault.keyed_hash("link-token", token.encode())


def find_open(token: str, *, now: datetime) -> ClientLink | None:
    """Return the link if it still works. Unknown, ended, used and revoked are all the same: None."""
    if not TOKEN.fullmatch(token):
        return None
    rows = ClientLink.objects.select_related(
        "client", "created_by", "connection__client", "connection__environment", "connection__oauth_app__secret"
    )
    link: ClientLink | None = rows.filter(token_hash=token_hash(token), client__archived_at__isnull=True).first()
    return link if link is not None and link_state(link, now=now) in ("open", "opened") else None


def link_state(link: ClientLink, *, now: datetime) -> str:
    """Return open, opened, used, revoked or ended."""
    if link.used_at is not None:
        return "used"
    if link.revoked_at is not None:
        return "revoked"
    if link.expires_at <= now:
        return "ended"
    return "opened" if link.opened_at is not None else "open"


def revoke_link(link: ClientLink, *, actor: Actor, now: datetime) -> None:
    """End a link before its time. One that was used or revoked stays as it is."""
    with transaction.atomic():
        if ClientLink.objects.filter(pk=link.pk, used_at__isnull=True, revoked_at__isnull=True).update(revoked_at=now):
            record(link.connection, "link.revoked", actor=actor, link=str(link.pk))
    link.refresh_from_db(fields=["revoked_at"])
