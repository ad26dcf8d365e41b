"""A link for a client: who made it, how long it works, and what ended it.

A keyed hash of its token is stored; the token itself only sealed, and only while it may have to be mailed again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from integrations.errors import IntegrationError
from integrations.links.naming import names_of
from integrations.links.words import catalogues, words_in
from integrations.models import ClientLink, Connection
from integrations.providers.gone import shown_provider
from integrations.status import record
from secrets_vault import audit, vault
from secrets_vault.actor import Actor
from secrets_vault.models import Client, User
from secrets_vault.row_checks import Opening
from secrets_vault.secret import Secret

MAX_DAYS = 7
FIRST_REMINDER = timedelta(days=2)
TRIES = 20
TRIES_WITHIN = timedelta(minutes=10)
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
SEALED = "clientlink.sealed_token"


class LinkRefused(IntegrationError):
    """A link cannot be made like this. The message says why."""

    code = "link_refused"


def make_link(
    connection: Connection, *, actor: Actor, now: datetime, days: int = 7, **terms: Any
) -> tuple[ClientLink, str]:
    """Return a new connect link and its address, shown this once; `terms` are those of `begin`. Raises LinkRefused."""
    if connection.kind != Connection.Kind.OAUTH2 or connection.oauth_app_id is None:
        raise LinkRefused("only a connection with an OAuth app can be connected by a link")
    with transaction.atomic():
        link, url = begin(
            ClientLink.Kind.CONNECT,
            connection.client,
            actor=actor,
            now=now,
            days=days,
            connection=connection,
            **terms,
        )
        record_act(link, "link.made", actor=actor, days=days)
    return link, url


def begin(
    kind: str,
    client: Client,
    *,
    actor: Actor,
    now: datetime,
    days: int,
    sent_to: str = "",
    language: str = "en",
    reminds: bool = False,
    **about: Any,
) -> tuple[ClientLink, str]:
    """Return the row of a new link of either kind, stored, and its address. Needs a transaction. Raises LinkRefused.

    With somebody to mail it to, the token is kept sealed, so that a reminder can name the same address.
    """
    token = new_token()
    link = ClientLink(
        kind=kind,
        token_hash=token_hash(token),
        client=client,
        created_by=maker(actor),
        expires_at=ends(now, days=days),
        sent_to=sent_to,
        language=known_language(language),
        **about,
    )
    if sent_to:
        link.sealed_token = seal_token(link, token)
        link.remind_at = now + FIRST_REMINDER if reminds else None
    link.save(force_insert=True)
    return link, address(link, token)


def new_token() -> str:
    """Return 256 random bits as they stand in an address."""
    return secrets.token_urlsafe(32)


def address(link: ClientLink, token: str) -> str:
    """Return where a link leads."""
    return f"{settings.KEYLODGE_PUBLIC_URL}/{link.kind}/{token}"


def ends(now: datetime, *, days: int) -> datetime:
    """Return when a link of so many days ends. Raises LinkRefused."""
    if not 1 <= days <= MAX_DAYS:
        raise LinkRefused(f"a link works for 1 to {MAX_DAYS} days")
    return now + timedelta(days=days)


def maker(actor: Actor) -> User | None:
    """Return the person who acts, if it is one."""
    return User.objects.filter(pk=actor.id).first() if actor.kind == "user" else None


def known_language(language: str) -> str:
    """Return a language that there are words in."""
    return language if language in catalogues() else "en"


def letter(link: ClientLink, url: str) -> tuple[str, str]:
    """Return the subject and text of a mail with the link, in its language.

    It is for the consultant's own mail program: kept under Messages, the address would stand in the
    database and open the link for whoever reads a copy of it.
    """
    kind = "request_" if link.connection is None else ""
    provider = "" if link.connection is None else shown_provider(link.connection).name
    words = words_in(link.language, provider=provider, url=url, **names_of(link))
    return words[f"{kind}mail_subject"], words[f"{kind}mail_body"]


def token_hash(token: str) -> bytes:
    """Return what stands for a link's token in the database."""
    return vault.keyed_hash("link-token", token.encode())


def seal_token(link: ClientLink, token: str) -> bytes:
    """Return the token sealed for this row, so that it can be mailed once more while the link works."""
    return vault.seal_text(token, field=SEALED, row_id=link.pk, client=link.client)


def open_token(link: ClientLink) -> Secret:
    """Return the token that was sealed. Raises Unreadable; LinkRefused where none is kept."""
    if link.sealed_token is None:
        raise LinkRefused("the address of this link was not kept")
    return vault.open_text(link.sealed_token, field=SEALED, row_id=link.pk, client=link.client)


def sealed_rows() -> Iterator[Opening]:
    """Give every token that should open, by name, for `doctor` and `restore`."""
    kept = ClientLink.objects.filter(sealed_token__isnull=False).select_related("client")
    for link in kept.iterator(chunk_size=500):
        yield f"link {link.pk}", partial(open_token, link)


def find_open(token: str, *, now: datetime, kind: str = ClientLink.Kind.CONNECT) -> ClientLink | None:
    """Return the link if it still works. Unknown, ended, used and revoked are all the same: None."""
    if not TOKEN.fullmatch(token):
        return None
    rows = ClientLink.objects.select_related(
        "client", "created_by", "connection__client", "connection__environment", "connection__oauth_app__secret"
    )
    mine = rows.filter(token_hash=token_hash(token), kind=kind, client__archived_at__isnull=True)
    link: ClientLink | None = mine.first()
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


def count_try(link: ClientLink, *, now: datetime) -> bool:
    """Count one more try; tell whether it is within twenty in ten minutes. Two that come at once both count."""
    row = ClientLink.objects.filter(pk=link.pk)
    # A start further ahead than now was written by a clock that has since been put back.
    if not row.filter(tries_since__gt=now - TRIES_WITHIN, tries_since__lte=now).exists():
        row.update(tries=1, tries_since=now)
        return True
    return bool(row.filter(tries__lt=TRIES).update(tries=F("tries") + 1))


def holder(link: ClientLink) -> Actor:
    """Return who acts by a link: nobody we know, but whom it was sent to."""
    return Actor(kind="client_link", id=str(link.pk), label=link.sent_to)


def note_opened(link: ClientLink, *, now: datetime) -> None:
    """Remember the first time that somebody pressed a button on the page."""
    if ClientLink.objects.filter(pk=link.pk, opened_at__isnull=True).update(opened_at=now):
        with transaction.atomic():
            record_act(link, "link.opened", actor=holder(link))


def revoke_link(link: ClientLink, *, actor: Actor, now: datetime) -> None:
    """End a link before its time. One that was used or revoked stays as it is."""
    living = ClientLink.objects.filter(pk=link.pk, used_at__isnull=True, revoked_at__isnull=True)
    with transaction.atomic():
        if living.update(revoked_at=now, sealed_token=None, remind_at=None):
            record_act(link, "link.revoked", actor=actor)
    link.refresh_from_db(fields=["revoked_at", "sealed_token", "remind_at"])


def record_act(link: ClientLink, action: str, *, actor: Actor, **details: str | int) -> None:
    """Write one event about a link into the book; a connect link's stands with its connection."""
    if link.connection is not None:
        record(link.connection, action, actor=actor, link=str(link.pk), **details)
        return
    told = {name: value for name, value in details.items() if value != ""}
    audit.record(action, actor=actor, client=link.client, subject=link, label=link.sent_to, details=told)
