"""A token for a machine: the OAuth app asks for itself, or a signed JWT does. Nobody has to consent.

What such a token is spent for stays here (a client secret, a private key), so a lost answer costs nothing:
the next request brings another token.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.oauth.answers import Grant
from integrations.oauth.errors import AppWrong, CannotStart, GrantDead
from integrations.oauth.keeping import (
    assertion_slot,
    authorization_server,
    bound_host,
    grant_url,
    is_renewed,
    oauth_facts,
    provider_of,
)
from integrations.oauth.key_exchange import token_for
from integrations.oauth.private_keys import BadPrivateKey, fingerprint, lives_for_s, signed
from integrations.oauth.session import AuthorizationServer, Send
from integrations.providers.grant_facts import OF_THE_APP, OF_THE_KEY, AssertionFacts
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.parts import MACHINE_KINDS
from integrations.providers.templates import fill_header, names
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret


def is_machine(row: Connection) -> bool:
    """Tell whether the next token needs nobody's consent."""
    return row.kind in MACHINE_KINDS


def may_be_spent(row: Connection) -> bool:
    """Tell whether an answer that was lost may have cost the grant: only a refresh token is taken for a new one."""
    try:
        return not is_machine(row) and not is_renewed(row)
    except IntegrationError:  # its description went meanwhile
        return True


def can_ask(row: Connection) -> bool:
    """Tell whether what a token is asked for with is there."""
    if row.keeps_a_key:
        return row.grant_secret is not None and row.grant_secret.current_id is not None
    return row.oauth_app_id is not None


def signs_alone(row: Connection) -> bool:
    """Tell whether the JWT that is signed here is the credential itself: no token endpoint has ever seen it."""
    return row.kind == Connection.Kind.JWT_BEARER and oauth_facts(provider_of(row)).assertion.style == "token"


def ask(row: Connection, *, now: datetime, send: Send) -> Grant:
    """Return a token. Raises GrantRefused; where no OAuth app is named, what is refused is the connection's own."""
    try:
        if row.kind == Connection.Kind.CLIENT_CREDENTIALS:
            return authorization_server(row, send=send).for_itself(_scopes(row), now=now)
        if row.kind == Connection.Kind.KEY_EXCHANGE:
            return _by_key(row, now=now, send=send)
        return _by_assertion(row, now=now, send=send)
    except BadPrivateKey as error:
        raise GrantDead(error.code) from None
    except AppWrong as error:
        if row.oauth_app_id is None:
            raise GrantDead(error.code, status=error.status) from None
        raise


def _scopes(row: Connection) -> list[str]:
    app = row.oauth_app
    return list(row.requested_scopes or (app.required_scopes if app else ()))


def _by_key(row: Connection, *, now: datetime, send: Send) -> Grant:
    facts, stored = oauth_facts(provider_of(row)), row.grant_secret
    if stored is None:
        raise CannotStart("no_key")
    for slot in facts.exchange.slots:
        vault.check_policy(stored, host=bound_host(facts.token_url), slot=slot)
    return token_for(facts, vault.use(stored, actor=SYSTEM, purpose="exchange"), now=now, send=send)


def _by_assertion(row: Connection, *, now: datetime, send: Send) -> Grant:
    facts = oauth_facts(provider_of(row))
    url = grant_url(row, facts)
    jwt = assertion(row, facts, url, key=_key(row, facts, url), now=now)
    if facts.assertion.style == "token":
        return Grant(jwt, None, lives_for_s(facts.assertion), None, None)
    server = _server(row, facts, send=send)
    return server.for_assertion(jwt, url=url, scopes=_scopes(row), now=now)


def assertion(row: Connection, facts: OAuthFacts, url: str, *, key: Secret, now: datetime) -> Secret:
    """Return the JWT: signed now, or the one that the provider signed and a person pasted."""
    if facts.assertion.is_ready_made:
        return key
    claims = claims_of(row, facts, url) | made_claims(row, facts.assertion, key)
    return signed(key, facts.assertion, claims, jti=secrets.token_urlsafe(24), now=now)


def _server(row: Connection, facts: OAuthFacts, *, send: Send) -> AuthorizationServer:
    if facts.assertion.needs_app:
        return authorization_server(row, send=send)
    return AuthorizationServer(facts, "", None, send=send)


def _key(row: Connection, facts: OAuthFacts, url: str) -> Secret:
    stored = row.grant_secret
    if stored is None:
        raise CannotStart("no_private_key")
    host = bound_host(url) if url else provider_of(row).allowed_hosts[0]
    vault.check_policy(stored, host=host, slot=assertion_slot(facts))
    return vault.use(stored, actor=SYSTEM, purpose="sign")["private_key"]


def claims_of(row: Connection, facts: OAuthFacts, url: str) -> dict[str, Any]:
    """Return what the JWT says beside its times, as a person typed it. What stands elsewhere is said there."""
    own, parts = facts.assertion, {claim.name for claim in facts.assertion.claims if claim.is_part}
    said = {name: value for name, value in row.claims.items() if f"{{{name}}}" not in own.url and name not in parts}
    claims: dict[str, Any] = {"aud": own.audience or url} | said
    scopes = _scopes(row)
    if own.scope_in == "claim" and scopes:
        claims.setdefault("scope", facts.scope_separator.join(scopes))
    if own.scope_in == "list" and scopes:
        claims.setdefault("scope", scopes)
    return claims


def made_claims(row: Connection, facts: AssertionFacts, key: Secret) -> dict[str, str]:
    """Return the claims that are made of others, of the app's client id, or of the key."""
    if not facts.made:
        return {}
    values = dict(row.claims) | {OF_THE_APP: row.oauth_app.client_id if row.oauth_app else ""}
    if any(OF_THE_KEY in names(text) for text in facts.made.values()):
        values[OF_THE_KEY] = fingerprint(key, facts)
    try:
        return {name: fill_header(text, values) for name, text in facts.made.items()}
    except ValueError:
        raise CannotStart("claim_missing") from None
