"""Trouble with an OAuth app: it concerns every connection that was made with it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from integrations.alerts.routes.noting import note
from integrations.alerts.saying import is_play_of, page_url, recipients, tell
from integrations.errors import IntegrationError
from integrations.models import Connection, OAuthApp
from integrations.providers.registry import get_provider
from secrets_vault.access import can_manage
from secrets_vault.models import User

if TYPE_CHECKING:
    from django.db.models import QuerySet

NAMED = 20  # connections that one mail lists


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
    is_play = bool(clients) and all(map(is_play_of, clients.values()))
    for user in told.values():
        _tell_of_app(app, kind, user, now=now, is_play=is_play)
    if not is_play:
        context = {**_about(app, connections), "may_change": True, "url": page_url(f"/oauth-apps/{app.pk}/")}
        note(app.for_client, kind, context, key=f"{app.pk}:{now.isoformat()}", now=now)


def _about(app: OAuthApp, connections: QuerySet[Connection]) -> dict[str, object]:
    return {
        "app": app,
        "provider": _name_of(app.provider_key),
        "connections": list(connections.select_related("client", "environment")[:NAMED]),
        "more": max(0, connections.count() - NAMED),
    }


def _tell_of_app(app: OAuthApp, kind: str, user: User, *, now: datetime, is_play: bool) -> None:
    theirs = Connection.objects.visible_to(user).filter(oauth_app=app, client__archived_at=None)
    may_change = can_manage(user, app.for_client)
    url = page_url(f"/oauth-apps/{app.pk}/" if may_change else "/connections/")
    context = {**_about(app, theirs), "may_change": may_change, "url": url}
    tell(user, kind, context, key=f"{app.pk}:{now.isoformat()}", client=app.for_client, now=now, is_play=is_play)


def _name_of(provider_key: str) -> str:
    try:
        return get_provider(provider_key).name
    except IntegrationError:  # its description is gone: the key is all that is left of it
        return provider_key
