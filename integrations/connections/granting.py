"""A connection whose access tokens are asked for here: for an OAuth app, by a private key, or from earlier tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.connections.credential import MAX_LENGTH, BadValue
from integrations.models import Connection
from integrations.oauth import lease
from integrations.oauth.answers import Grant
from integrations.oauth.errors import CannotStart
from integrations.oauth.keeping import key_policy, oauth_facts, provider_of, store_tokens, times
from integrations.oauth.private_keys import BadPrivateKey, read_private_key, tidy
from integrations.providers.grant_facts import AssertionFacts
from integrations.status import Status, record, swap
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret

MOST_KEY_LENGTH = 32 * 1024
LONGEST_CLAIM = 500
CLAIMS_OF_OURS = ("iat", "exp", "nbf", "jti")


@dataclass(frozen=True)
class Pasted:
    """A private key as a person gave it, and the claims that stood in the same file."""

    private_key: Secret
    claims: Mapping[str, str]


def read_pasted(text: Secret, facts: AssertionFacts) -> Pasted:
    """Return the key in a PEM, in a service account's JSON (Google), or in an `id:secret` (Ghost). Raises BadValue.

    Where the token is fetched says the provider's facts, never the file.
    """
    plain = text.expose().strip()
    if len(plain) > MOST_KEY_LENGTH:
        raise BadValue("private_key", _("this is too long for a private key; was another file pasted?"))
    if plain.startswith("{"):
        return _service_account(plain)
    if facts.key_encoding == "hex" and ":" in plain:
        kid, _colon, rest = plain.partition(":")
        return Pasted(Secret(rest.strip()), {"kid": kid.strip()})
    return Pasted(Secret(tidy(plain)), {})


def _service_account(plain: str) -> Pasted:
    try:
        table = json.loads(plain)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise BadValue("private_key", _("this begins like a JSON file and is none; copy the whole file"))
    key = table.get("private_key")
    if not isinstance(key, str) or not key.strip():
        raise BadValue(
            "private_key",
            _("this JSON file has no private_key; download a key of the service account, not the app's client secret"),
        )
    told = {"iss": table.get("client_email"), "kid": table.get("private_key_id")}
    claims = {name: value for name, value in told.items() if isinstance(value, str) and value}
    return Pasted(Secret(tidy(key)), claims)


def check_claims(claims: Mapping[str, Any], facts: AssertionFacts) -> dict[str, str]:
    """Return the claims to keep. Raises BadValue for one that is missing, ours to set, or no text."""
    kept = {name: value for name, value in claims.items() if value not in ("", None)}
    for name, value in kept.items():
        if name in CLAIMS_OF_OURS:
            raise BadValue(name, _("{name} is set for each token anew; leave it out").format(name=name))
        if not isinstance(value, str) or len(value) > LONGEST_CLAIM or not value.isprintable():
            raise BadValue(name, _("{name} must be one line of text").format(name=name))
    for claim in facts.claims:
        if not claim.is_optional and not kept.get(claim.name):
            raise BadValue(claim.name, _("{words} is missing").format(words=_(claim.words)))
    return {name: value.strip() for name, value in kept.items()}


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
    _check_key(pasted.private_key, facts)
    fields, about = {"private_key": pasted.private_key}, {"made_on": made_on, "reason": reason}
    before, connection.claims = connection.claims, kept
    try:
        policy = key_policy(connection, provider)
    except CannotStart as error:
        raise BadValue("claims", _("a claim that stands in the address holds other characters")) from error
    finally:
        connection.claims = before
    with transaction.atomic():
        stored = connection.grant_secret
        if stored is not None:
            vault.bind_policy(stored, policy, actor=actor)
            if not vault.holds(stored, fields):
                vault.replace(stored, fields, actor=actor, **about)  # type: ignore[arg-type]
        else:
            stored = vault.store(
                actor=actor,
                client=connection.client,
                environment=connection.environment,
                kind=StoredSecret.Kind.PRIVATE_KEY,
                label=connection.label or f"{provider.name} {connection.environment.slug}",
                fields=fields,
                provider_key=connection.provider_key,
                owner_name=owner_name,
                where_used=where_used,
                policy=policy,
                rotate_after_days=rotate_after_days,
                **about,  # type: ignore[arg-type]
            )
        _untested(connection, actor=actor, now=now, grant_secret=stored, claims=kept)
    return stored


def _check_key(private_key: Secret, facts: AssertionFacts) -> None:
    try:
        read_private_key(private_key, facts)
    except BadPrivateKey as error:
        reason = str(error)
    else:
        return
    raise BadValue("private_key", reason)  # out here: a parser's own exception may carry the key


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
    about = {"connected_at": now, "connected_by": actor.label[:160], "probe_due_at": now, "refresh_failures": 0}
    swap(connection, **(about | state | changes))
    record(connection, "connection.credential_stored", actor=actor)
