"""Tells the consultant: what is kept under Messages, and mailed when there is a way to mail."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.template.loader import render_to_string
from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.models import AlertEpisode, Connection, Message, OAuthApp
from integrations.providers.registry import get_provider
from secrets_vault.access import can_manage
from secrets_vault.models import Client, User
from secrets_vault.people.language import writing_to

if TYPE_CHECKING:
    from collections.abc import Iterable


NAMED = 20  # connections that one mail lists


def can_mail() -> bool:
    """Tell whether EMAIL_URL names a way to send."""
    return not str(settings.MAILERS["default"]["BACKEND"]).endswith("dummy.EmailBackend")


def say(
    user: User,
    kind: str,
    *,
    dedupe_key: str,
    subject: str,
    body: str,
    client: Client | None = None,
    now: datetime | None = None,
    is_play: bool = False,
) -> Message | None:
    """Keep one message for a person and queue its mail; None when `dedupe_key` was said before.

    Without SMTP, and for the sandbox and the demo, it is kept under Messages and never sent.
    """
    state = Message.State.QUEUED if can_mail() and not (is_play or _is_play(client)) else Message.State.KEPT
    try:
        with transaction.atomic():
            message = Message.objects.create(
                dedupe_key=dedupe_key,
                kind=kind,
                user=user,
                to=user.email,
                client=client,
                subject=one_line(subject),
                body=body,
                state=state,
                due_at=now or timezone.now(),
            )
    except IntegrityError:
        return None
    return message


def one_line(subject: str) -> str:
    """Return a subject as one line: a name in it may hold what ends a line, and such a mail cannot be sent."""
    return " ".join(subject.split())[:200]


def _is_play(client: Client | None) -> bool:
    return client is not None and (client.is_sandbox or client.is_demo)


def recipients(client: Client) -> list[User]:
    """Return who hears about a client: the owner, and everyone who manages it."""
    managing = models.Q(memberships__client=client, memberships__state="active", memberships__role="manager")
    return list(User.objects.filter(models.Q(is_owner=True) | managing, is_active=True).distinct())


def page_url(path: str) -> str:
    """Return the absolute address of a page, from the configured address and never from a request."""
    return f"{settings.KEYLODGE_PUBLIC_URL}{path}"


def needs_reconnecting(connection: Connection, *, code: str, now: datetime) -> AlertEpisode | None:
    """Open the trouble and mail its link once; None while the same trouble is open."""
    return _open(connection, AlertEpisode.Kind.NEEDS_RECONNECTING, code=code, now=now)


def failing(connection: Connection, *, code: str, now: datetime, failed: int) -> AlertEpisode | None:
    """Open the trouble of many failed calls and mail it once; None while it is open."""
    return _open(connection, AlertEpisode.Kind.FAILING, code=code, now=now, failed=failed)


def recovered(connection: Connection, *, now: datetime, kinds: Iterable[str] = AlertEpisode.Kind.values) -> int:
    """Close the open troubles of these kinds and mail that they are over; return how many."""
    open_ones = list(AlertEpisode.objects.filter(connection=connection, kind__in=list(kinds), closed_at=None))
    closed = 0
    for episode in open_ones:
        if AlertEpisode.objects.filter(pk=episode.pk, closed_at=None).update(closed_at=now):
            _tell(episode, "recovered", now=now)
            closed += 1
    return closed


def oauth_app(app: OAuthApp, kind: str, *, now: datetime) -> None:
    """Tell everyone who manages a client of the app, once each, naming only what they may see.

    `kind` is oauth_app_broken or oauth_app_works. The caller makes sure that it happens once.
    """
    connections = Connection.objects.filter(oauth_app=app, client__archived_at=None).select_related("client")
    clients = {connection.client_id: connection.client for connection in connections}
    if app.for_client is not None:
        clients[app.for_client.pk] = app.for_client
    told = {user.pk: user for client in clients.values() for user in recipients(client)}
    told |= {user.pk: user for user in User.objects.filter(is_owner=True, is_active=True)}
    for user in told.values():
        _tell_of_app(app, kind, user, now=now, is_play=bool(clients) and all(map(_is_play, clients.values())))


def _tell_of_app(app: OAuthApp, kind: str, user: User, *, now: datetime, is_play: bool) -> None:
    theirs = Connection.objects.visible_to(user).filter(oauth_app=app, client__archived_at=None)
    may_change = can_manage(user, app.for_client)
    context = {
        "app": app,
        "provider": _name_of(app.provider_key),
        "connections": list(theirs.select_related("client", "environment")[:NAMED]),
        "more": max(0, theirs.count() - NAMED),
        "may_change": may_change,
        "url": page_url(f"/oauth-apps/{app.pk}/" if may_change else "/connections/"),
    }
    tell(user, kind, context, key=f"{app.pk}:{now.isoformat()}", client=app.for_client, now=now, is_play=is_play)


def _name_of(provider_key: str) -> str:
    try:
        return get_provider(provider_key).name
    except IntegrationError:  # its description is gone: the key is all that is left of it
        return provider_key


def _open(connection: Connection, kind: str, *, code: str, now: datetime, failed: int = 0) -> AlertEpisode | None:
    try:
        with transaction.atomic():
            episode = AlertEpisode.objects.create(connection=connection, kind=kind, code=code, opened_at=now)
            _tell(episode, kind, now=now, failed=failed)
    except IntegrityError:
        return None
    return episode


def _tell(episode: AlertEpisode, kind: str, *, now: datetime, failed: int = 0) -> None:
    """Make one message for each recipient, from `emails/<kind>.txt`: its first line is the subject."""
    connection = episode.connection
    context = {
        "connection": connection,
        "client": connection.client,
        "environment": connection.environment,
        "episode": episode,
        "failed": failed,
        "url": page_url(f"/connections/{connection.slug}/"),
    }
    is_play = connection.is_sandbox or connection.is_demo
    for user in recipients(connection.client):
        tell(user, kind, context, key=str(episode.pk), client=connection.client, now=now, is_play=is_play)


def tell(
    user: User, kind: str, context: dict[str, object], *, key: str, client: Client | None, now: datetime, is_play: bool
) -> None:
    """Say `emails/<kind>.txt` to a person in their own language, once for each `key`."""
    with writing_to(user):
        subject, body = compose(kind, context)
    key = f"{kind}:{key}:{user.pk}"
    say(user, kind, dedupe_key=key, subject=subject, body=body, client=client, now=now, is_play=is_play)


def compose(kind: str, context: dict[str, object]) -> tuple[str, str]:
    """Return the subject and the body of `emails/<kind>.txt`, whose first line is the subject."""
    text = render_to_string(f"emails/{kind}.txt", context).strip()
    subject, _, body = text.partition("\n")
    return subject.strip(), body.strip() + "\n"
