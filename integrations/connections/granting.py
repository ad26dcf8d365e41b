"""A connection whose access tokens are asked for here: for an OAuth app, by a key, or from earlier tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.connections.credential import MAX_LENGTH, BadValue, check_exchanged
from integrations.connections.pasted_key import check_claims, check_key, read_pasted
from integrations.models import Connection
from integrations.oauth import lease
from integrations.oauth.answers import Grant
from integrations.oauth.errors import CannotStart
from integrations.oauth.keeping import exchange_policy, key_policy, oauth_facts, provider_of, store_tokens, times
from integrations.status import Status, record, swap
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy


def connect_jwt(
    connection: Connection,
    private_key: Secret,
    claims: Mapping[str, str],
    *,
    actor: Actor,
    now: datetime,
    made_on: date | None = None,
    owner_name: str = "",
    where_used: str = "",
    rotate_after_days: int | None = None,
    reason: str = "",
) -> StoredSecret:
    """Keep the private key that signs for this connection, or a new one. Not tried yet. Raises BadValue."""
    provider = provider_of(connection)
    facts = oauth_facts(provider).assertion
    pasted = read_pasted(private_key, facts)
    kept = check_claims({**pasted.claims, **claims}, facts)
    ends_at = check_key(pasted.private_key, facts, now=now)
    fields = {"private_key": pasted.private_key}
    about: dict[str, Any] = {"made_on": made_on, "reason": reason, "expires_at": ends_at}
    before, connection.claims = connection.claims, kept
    try:
        policy = key_policy(connection, provider)
    except CannotStart as error:
        raise BadValue("claims", _("a claim that stands in the address holds other characters")) from error
    finally:
        connection.claims = before
    found = _Kept(StoredSecret.Kind.PRIVATE_KEY, fields, policy, owner_name, where_used, rotate_after_days)
    with transaction.atomic():
        stored = _keep(connection, found, name=provider.name, actor=actor, about=about)
        _untested(connection, actor=actor, now=now, grant_secret=stored, claims=kept)
    return stored


def connect_exchange(
    connection: Connection,
    fields: Mapping[str, Secret],
    *,
    actor: Actor,
    now: datetime,
    made_on: date | None = None,
    owner_name: str = "",
    where_used: str = "",
    rotate_after_days: int | None = None,
    reason: str = "",
) -> StoredSecret:
    """Keep the key that is exchanged for this connection's tokens, or a new one. Not tried yet. Raises BadValue."""
    provider = provider_of(connection)
    check_exchanged(provider, fields)
    kind = StoredSecret.Kind.API_KEY if "api_key" in fields else StoredSecret.Kind.BASIC
    found = _Kept(kind, fields, exchange_policy(provider), owner_name, where_used, rotate_after_days)
    with transaction.atomic():
        about: dict[str, Any] = {"made_on": made_on, "reason": reason}
        stored = _keep(connection, found, name=provider.name, actor=actor, about=about)
        _untested(connection, actor=actor, now=now, grant_secret=stored)
    return stored


@dataclass(frozen=True)
class _Kept:
    """What tokens are asked for with, as the vault takes it."""

    kind: str
    fields: Mapping[str, Secret]
    policy: Policy
    owner_name: str
    where_used: str
    rotate_after_days: int | None


def _keep(connection: Connection, found: _Kept, *, name: str, actor: Actor, about: Mapping[str, Any]) -> StoredSecret:
    """Store it, or a new version where it is another than the one that is there. Needs a transaction."""
    stored = connection.grant_secret
    if stored is not None:
        vault.bind_policy(stored, found.policy, actor=actor)
        if not vault.holds(stored, found.fields):
            vault.replace(stored, found.fields, actor=actor, **about)
        return stored
    return vault.store(
        actor=actor,
        client=connection.client,
        environment=connection.environment,
        kind=found.kind,
        label=connection.label or f"{name} {connection.environment.slug}",
        fields=found.fields,
        provider_key=connection.provider_key,
        owner_name=found.owner_name,
        where_used=found.where_used,
        policy=found.policy,
        rotate_after_days=found.rotate_after_days,
        **about,
    )


def connect_app(connection: Connection, *, actor: Actor, now: datetime) -> None:
    """Let the connection's OAuth app ask for tokens for itself. Not tried yet. Raises CannotStart."""
    if connection.oauth_app_id is None:
        raise CannotStart("no_oauth_app")
    with transaction.atomic():
        _untested(connection, actor=actor, now=now)


def import_tokens(
    connection: Connection,
    *,
    refresh_token: Secret | None,
    access_token: Secret | None,
    actor: Actor,
    now: datetime,
    scopes: tuple[str, ...] | None = None,
) -> StoredSecret:
    """Keep the tokens of a consent that was given elsewhere to the same OAuth app. Raises BadValue, CannotStart.

    Without an access token the first call, or the test, spends the refresh token. An imported access token may end
    at any time, so it is used only until it is refused.
    """
    if connection.oauth_app_id is None:
        raise CannotStart("no_oauth_app")
    for name, value in (("refresh_token", refresh_token), ("access_token", access_token)):
        if value is not None:
            _check_token(name, value.expose())
    if access_token is None and refresh_token is None:
        raise BadValue("refresh_token", _("nothing was entered"))
    grant = Grant(access_token or Secret(""), refresh_token, None, None, scopes)
    with transaction.atomic():
        stored, _version = store_tokens(connection, grant, actor=actor, now=now)
        ends = {"access_expires_at": now, "refresh_due_at": now} if access_token is None else {}
        ended = times(grant, now=now) | ends | {"refreshed_at": None, "refresh_failures": 0} | lease.RELEASED
        _untested(connection, actor=actor, now=now, secret=stored, **ended)
    return stored


def _check_token(name: str, value: str) -> None:
    if not value or len(value) > 2 * MAX_LENGTH:
        raise BadValue(name, _("this is no token: it is empty or far too long"))
    if not value.isascii() or not value.isprintable() or " " in value:
        raise BadValue(name, _("this holds a space or a character that no token has; copy the value alone"))


def _untested(connection: Connection, *, actor: Actor, now: datetime, **changes: Any) -> None:
    state: dict[str, Any] = {"status": Status.UNTESTED, "status_code": "", "status_since": now}
    if connection.status == Status.PAUSED:
        state = {"status_before_pause": Status.UNTESTED}
    state["account_unconfirmed"] = bool(connection.wanted_account_id)
    about = {"connected_at": now, "connected_by": actor.label[:160], "probe_due_at": now, "refresh_failures": 0}
    swap(connection, **(about | state | changes))
    record(connection, "connection.credential_stored", actor=actor)
