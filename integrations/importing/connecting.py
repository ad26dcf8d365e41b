"""An OAuth credential of another program as a connection: its app, and where the file has them its tokens."""

from __future__ import annotations

from datetime import datetime
from itertools import chain, count

from django.core.exceptions import ValidationError
from django.db import transaction

from integrations.connections.granting import import_tokens
from integrations.connections.making import create_connection
from integrations.errors import IntegrationError
from integrations.importing.found import Item
from integrations.importing.guessing import ACCESS, CLIENT_ID, CLIENT_SECRET, REFRESH
from integrations.models import Connection, OAuthApp
from integrations.oauth.app import make_app, usable_apps
from integrations.providers.shape import BadVariable
from secrets_vault.actor import Actor
from secrets_vault.errors import BadInput
from secrets_vault.models import Environment

MOST_NAME = 110  # leaves room for a number


def connect(
    item: Item,
    environment: Environment,
    *,
    provider_key: str,
    label: str,
    with_tokens: bool,
    actor: Actor,
    now: datetime,
) -> Connection:
    """Return a connection for the item, ready for a new consent, or with the tokens of the old one. Raises BadInput.

    An app of the same client id is used as it is. Tokens that cannot be kept (a part of the address is not known
    yet) leave a connection that waits for a consent.
    """
    try:
        with transaction.atomic():
            connection = create_connection(
                environment.client,
                environment,
                provider_key=provider_key,
                kind=Connection.Kind.OAUTH2,
                actor=actor,
                now=now,
                label=label,
                oauth_app=_app(item, environment, provider_key=provider_key, label=label, actor=actor),
                awaits_variables=True,
            )
    except (IntegrationError, BadVariable) as refused:
        raise BadInput(str(refused)) from None
    if with_tokens:
        _take_tokens(connection, item, actor=actor, now=now)
    return connection


def _app(item: Item, environment: Environment, *, provider_key: str, label: str, actor: Actor) -> OAuthApp:
    client_id = item.fields[CLIENT_ID].expose().strip()
    for app in usable_apps(provider_key, environment.client):
        if app.client_id == client_id:
            return app
    secret = item.fields[CLIENT_SECRET]
    about = {"client_id": client_id, "client_secret": secret, "for_client": environment.client}
    try:
        return make_app(_free_name(label), provider_key, actor=actor, **about)  # type: ignore[arg-type]
    except ValidationError as refused:
        raise BadInput(f"{label}: {' '.join(refused.messages)}") from None


def _free_name(label: str) -> str:
    """Return a name that no app has: every n8n calls its own alike, and names of apps are everybody's."""
    taken = set(OAuthApp.objects.filter(name__startswith=label[:MOST_NAME]).values_list("name", flat=True))
    numbered = (f"{label[:MOST_NAME]} {number}" for number in count(2))
    return next(name for name in chain([label], numbered) if name not in taken)


def _take_tokens(connection: Connection, item: Item, *, actor: Actor, now: datetime) -> None:
    access, refresh = item.fields.get(ACCESS), item.fields.get(REFRESH)
    try:
        with transaction.atomic():
            import_tokens(connection, access_token=access, refresh_token=refresh, actor=actor, now=now)
    except (IntegrationError, BadVariable):
        connection.refresh_from_db()
