"""Where a grant is kept: the tokens in the vault, their times and scopes on the connection, in one commit."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from integrations.beside import rebind_beside
from integrations.models import Connection, OAuthApp
from integrations.oauth.answers import Grant
from integrations.oauth.errors import CannotStart
from integrations.oauth.session import AuthorizationServer, Send
from integrations.providers import templates
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.registry import get_provider
from integrations.providers.shape import Provider
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy

REFRESH_SLOT = "body:refresh_token"
REVOKE_SLOT = "body:token"
SECRET_SLOTS = {
    "client_secret_post": "body:client_secret",
    "client_secret_basic": "header:authorization",
    "private_key_jwt": "body:client_assertion",
}
ASSERTION_SLOTS = {"form": "body:assertion", "client": "body:client_assertion"}
EARLY = 0.8
JITTER = 0.05


def provider_of(connection: Connection) -> Provider:
    """Return the facts of a connection's provider with its own URL variables filled in."""
    return get_provider(connection.provider_key).of_kind(connection.kind).render(connection.variables)


def oauth_facts(provider: Provider) -> OAuthFacts:
    """Return how this provider speaks OAuth. Raises CannotStart where it does not."""
    if provider.oauth is None:
        raise CannotStart("no_oauth")
    return provider.oauth


def is_renewed(connection: Connection) -> bool:
    """Tell whether the access token itself is what the next one is asked for with."""
    facts = provider_of(connection).oauth
    return connection.kind == Connection.Kind.OAUTH2 and facts is not None and bool(facts.renewal.url)


def own_redirect_uri() -> str:
    """Return the one redirect URI of this installation, exactly as it must be registered at every provider."""
    return f"{settings.KEYLODGE_PUBLIC_URL}/oauth/callback"


def authorization_server(connection: Connection, *, send: Send, redirect_uri: str = "") -> AuthorizationServer:
    """Return the authorization server as this connection's OAuth app sees it. Raises CannotStart.

    `redirect_uri` is the one of a consent that has begun; without one it is today's.
    """
    if connection.oauth_app is None:
        raise CannotStart("no_oauth_app")
    facts = oauth_facts(provider_of(connection))
    app = connection.oauth_app
    fields = _app_fields(app, facts)
    return AuthorizationServer(
        facts,
        app.client_id,
        fields.get("client_secret"),
        redirect_uri=redirect_uri or own_redirect_uri(),
        send=send,
        private_key=fields.get("private_key"),
    )


def _app_fields(app: OAuthApp, facts: OAuthFacts) -> dict[str, Secret]:
    if app.secret is None:
        return {}
    vault.check_policy(app.secret, host=bound_host(facts.token_url), slot=app_slot(facts))
    for slot in facts.long_lived.secret_slots:
        vault.check_policy(app.secret, host=bound_host(facts.long_lived.url), slot=slot)
    return vault.use(app.secret, actor=SYSTEM, purpose="oauth")


def app_slot(facts: OAuthFacts) -> str:
    """Return where an OAuth app's own proof goes in a token request."""
    if facts.spelling.token_method == "GET":  # noqa: S105 - a method's name
        return "query:client_secret"
    return SECRET_SLOTS.get(facts.token_auth_method, "body:client_secret")


def revoking_slots(facts: OAuthFacts) -> tuple[str, ...]:
    """Return where an OAuth app's secret goes in a revocation, as a policy names it, if elsewhere than for a token."""
    return ("body:client_secret",) if facts.revoke_url and facts.revoke_style == "form" else ()


def assertion_slot(facts: OAuthFacts) -> str:
    """Return where a JWT goes. The key that signs it goes nowhere."""
    return ASSERTION_SLOTS.get(facts.assertion.style, "header:authorization")


def grant_url(connection: Connection, facts: OAuthFacts) -> str:
    """Return where a signed JWT is exchanged: the parts that the claims know are filled in. Raises CannotStart."""
    if facts.assertion.style == "token":
        return ""
    try:
        url = templates.fill(facts.assertion.url or facts.token_url, connection.claims)
    except ValueError:
        raise CannotStart("claim_in_address") from None
    if templates.names(url):
        raise CannotStart("claim_missing")
    return url


def exchange_policy(provider: Provider) -> Policy:
    """Return where a key that is exchanged for tokens may go: to the address that answers them, nowhere else."""
    facts = oauth_facts(provider)
    return Policy(hosts=(bound_host(facts.token_url),), slots=facts.exchange.slots)


def key_policy(connection: Connection, provider: Provider) -> Policy:
    """Return where a JWT signed with this connection's private key may go."""
    facts = oauth_facts(provider)
    url = grant_url(connection, facts)
    hosts = (bound_host(url),) if url else provider.allowed_hosts
    return Policy(hosts=hosts, slots=(assertion_slot(facts),))


def bound_host(url: str) -> str:
    """Return the host of a URL as a policy names it: with its port unless it is the usual one of https."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return host if (parts.scheme, port) == ("https", 443) else f"{host}:{port}"


def token_policy(provider: Provider, kind: str = "oauth2") -> Policy:
    """Return where this connection's tokens may go: the provider's API, and its own token endpoints."""
    facts = oauth_facts(provider)
    swaps = [swap for swap in (facts.long_lived, facts.renewal) if swap.url]
    endpoints = [url for url in (facts.token_url, facts.revoke_url, *(swap.url for swap in swaps)) if url]
    hosts = dict.fromkeys([*provider.allowed_hosts, *map(bound_host, endpoints)])
    slots = (*provider.injection_for(kind).slots, REFRESH_SLOT, REVOKE_SLOT, *(swap.token_slot for swap in swaps))
    return Policy(hosts=tuple(hosts), slots=slots)


def app_policy(provider: Provider) -> Policy:
    """Return where an OAuth app's client secret may go: the token endpoints, nowhere else.

    An endpoint whose host differs from account to account counts by where it may lie: *.myshopify.com, or the
    hosts that the facts list for it; else by its usual value.
    """
    facts = oauth_facts(provider)
    longer = facts.long_lived
    urls = [facts.token_url, facts.client_credentials.url, facts.revoke_url, facts.introspect_url]
    urls += [longer.url] if longer.secret_slots else []
    hosts = dict.fromkeys(host for url in urls if url for host in _hosts_of(url, provider))
    slots = dict.fromkeys([app_slot(facts), *revoking_slots(facts), *longer.secret_slots])
    return Policy(hosts=tuple(hosts), slots=tuple(slots))


def _hosts_of(url: str, provider: Provider) -> list[str]:
    """Return the hosts that a URL of the facts may have, as a policy names them."""
    host = templates.host(url)
    named = templates.names(host)
    variable = provider.variable(named[-1]) if named else None
    end = host.rpartition("}")[2]
    if not named:
        return [bound_host(url)]
    if host == f"{{{named[0]}}}" and variable is not None and variable.hosts:
        return list(variable.hosts)
    if end.startswith(".") and end.count(".") > 1 and ":" not in end:
        return [f"*{end}"]
    if len(named) == 1 and variable is not None and (each := variable.alternatives):
        return [templates.fill(host, {variable.name: value}) for value in each]
    usual = {one.name: one.default for one in provider.variables if one.default}
    return [bound_host(templates.fill(url, usual))] if set(named) <= usual.keys() else []


def times(grant: Grant, *, now: datetime, spread: Callable[[], float] = random.random) -> dict[str, datetime | None]:
    """Return when the access token ends and when to replace it: at 80 % of its life, a little jittered."""
    expires_at = due_at = None
    if grant.expires_in_s:
        expires_at = now + timedelta(seconds=grant.expires_in_s)
        share = EARLY - JITTER * spread()
        due_at = now + timedelta(seconds=grant.expires_in_s * share)
    return {"access_expires_at": expires_at, "refresh_due_at": due_at}


def store_tokens(connection: Connection, grant: Grant, *, actor: Actor, now: datetime, pending: bool = False) -> Any:
    """Put the tokens of a new consent into the vault and return (stored, version). Needs a transaction."""
    provider = provider_of(connection)
    policy = token_policy(provider, connection.kind)
    rebind_beside(connection, provider, actor=actor)
    expires_at = times(grant, now=now)["access_expires_at"]
    if connection.secret is not None:
        vault.bind_policy(connection.secret, policy, actor=actor)
        version = vault.replace(
            connection.secret, grant.fields(), actor=actor, made_on=now.date(), expires_at=expires_at, pending=pending
        )
        return connection.secret, version
    stored = vault.store(
        actor=actor,
        client=connection.client,
        environment=connection.environment,
        kind="oauth_tokens",
        label=f"{provider_of(connection).name} tokens",
        fields=grant.fields(),
        provider_key=connection.provider_key,
        made_on=now.date(),
        policy=policy,
        expires_at=expires_at,
        pending=pending,
    )
    return stored, stored.versions.order_by("-number").first()
