"""A token for a machine: the OAuth app asks for itself, or a signed JWT does. Nobody has to consent.

What such a token is spent for stays here (a client secret, a private key), so a lost answer costs nothing:
the next request brings another token.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from integrations.models import Connection
from integrations.oauth.answers import Grant
from integrations.oauth.errors import AppWrong, CannotStart, GrantDead
from integrations.oauth.keeping import (
    assertion_slot,
    authorization_server,
    bound_host,
    grant_url,
    oauth_facts,
    provider_of,
)
from integrations.oauth.private_keys import BadPrivateKey, lives_for_s, signed
from integrations.oauth.session import AuthorizationServer, Send
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.parts import MACHINE_KINDS
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret


def is_machine(row: Connection) -> bool:
    """Tell whether the next token needs nobody's consent."""
    return row.kind in MACHINE_KINDS


def can_ask(row: Connection) -> bool:
    """Tell whether what a token is asked for with is there."""
    if row.kind == Connection.Kind.JWT_BEARER:
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


def _by_assertion(row: Connection, *, now: datetime, send: Send) -> Grant:
    facts = oauth_facts(provider_of(row))
    url = grant_url(row, facts)
    jwt = signed(
        _key(row, facts, url), facts.assertion, _claims(row, facts, url), jti=secrets.token_urlsafe(24), now=now
    )
    if facts.assertion.style == "token":
        return Grant(jwt, None, lives_for_s(facts.assertion), None, None)
    server = _server(row, facts, send=send)
    return server.for_assertion(jwt, url=url, scopes=_scopes(row), now=now)


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


def _claims(row: Connection, facts: OAuthFacts, url: str) -> Mapping[str, Any]:
    """Return what the JWT says beside its times. What stands in the address is said there."""
    own = {name: value for name, value in row.claims.items() if f"{{{name}}}" not in facts.assertion.url}
    claims = {"aud": facts.assertion.audience or url} | own
    scope = facts.scope_separator.join(_scopes(row))
    if facts.assertion.scope_in == "claim" and scope:
        claims.setdefault("scope", scope)
    return claims
