"""Which account at the provider a consent is for: told by the token answer, the callback or one cheap call."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations import probe_quota
from integrations.injecting import IncompleteCredential
from integrations.models import Connection
from integrations.oauth.answers import Grant, dig
from integrations.oauth.id_token import Identity
from integrations.oauth.keeping import provider_of
from integrations.oauth.session import Send
from integrations.outside import AnswerRefused, Reached, as_text, reached, the_one, told
from integrations.probe_call import NoProbe, call_probe
from integrations.providers.shape import Provider
from secrets_vault.secret import Secret

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """The account behind a credential, as the provider names it; empty where it does not say."""

    id: str = ""
    name: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None
    choices: tuple[Reached, ...] = ()

    @property
    def is_undecided(self) -> bool:
        """Tell whether a person must choose what the connection is for."""
        return bool(self.choices) and not any(one.is_in(self.variables) for one in self.choices)


def find_account(
    connection: Connection,
    grant: Grant,
    *,
    callback: Mapping[str, str],
    send: Send,
    identity: Identity | None = None,
) -> Account:
    """Return the account that was connected, and the URL variables that only the provider knew.

    A provider that names an organisation by an id of its own (a HubSpot portal, a Xero tenant) is believed in
    that: another administrator of the same one may reconnect it. Elsewhere the verified `identity` is the id.
    Raises AnswerRefused for an address that is not taken.
    """
    provider = provider_of(connection)
    variables = {
        **connection.variables,
        **told(provider, "token", grant.extras),
        **told(provider, "callback", callback),
    }
    provider = provider_of(_with(connection, variables))
    choices = tuple(reached(provider, connection.kind, {"access_token": grant.access_token}, send=send) or ())
    one = the_one(choices, variables, wanted=connection.wanted_account_id)
    if choices:
        variables = _without_discovered(provider, variables) | (dict(one.variables) if one else {})
        provider = provider_of(_with(connection, variables))
    id_, name, variables = _named(connection, provider, grant, one, variables, send=send)
    if identity is None:
        return Account(id_, name, variables, choices=choices)
    return Account(id_ or identity.key, name or identity.label, variables, None if id_ else identity, choices)


def _named(
    connection: Connection,
    provider: Provider,
    grant: Grant,
    one: Reached | None,
    variables: dict[str, str],
    *,
    send: Send,
) -> tuple[str, str, dict[str, str]]:
    """Return id and name of the account, and the variables with those that the probe's answer tells."""
    facts, body = provider.identity, None
    if provider.discovery is not None and provider.discovery.id_at:
        return (one.id, one.name, variables) if one else ("", "", variables)
    id_, name = as_text(dig(grant.extras, facts.token_id)), as_text(dig(grant.extras, facts.token_name))
    if provider.probe is not None and not (id_ and (name or not facts.probe_name)):
        body = _probe_body(provider, grant.access_token, send=send)
        if provider.discovery is None:
            variables = variables | told(provider, "discovery", body)
    id_, name = id_ or as_text(dig(body, facts.probe_id)), name or as_text(dig(body, facts.probe_name))
    if body is not None and not connection.is_for_other_than(id_):
        probe_quota.count(connection, provider)
    return id_, name, variables


def _without_discovered(provider: Provider, variables: Mapping[str, str]) -> dict[str, str]:
    found = {variable.name for variable in provider.variables if variable.source == "discovery"}
    return {name: value for name, value in variables.items() if name not in found}


def moved(connection: Connection, grant: Grant) -> dict[str, str] | None:
    """Return the variables where a refresh names another address than before (an organisation was moved).

    One that lies elsewhere than this provider's may is passed over: calls go on to the address that is known.
    """
    try:
        variables = {**connection.variables, **told(provider_of(connection), "token", grant.extras)}
    except AnswerRefused as error:
        logger.warning("answer refused", extra={"connection": str(connection.pk), "variable": error.name})
        return None
    return variables if variables != connection.variables else None


def _with(connection: Connection, variables: Mapping[str, str]) -> Connection:
    return Connection(provider_key=connection.provider_key, kind=connection.kind, variables=dict(variables))


def _probe_body(provider: Provider, access_token: Secret, *, send: Send) -> Any:
    """Return the probe's answer; the account stays unnamed when the call fails, the consent does not fail with it."""
    try:
        return call_probe(provider, "oauth2", {"access_token": access_token}, send=send).json()
    except (NoProbe, IncompleteCredential):
        return None


def account_in(provider: Provider, body: Any) -> tuple[str, str]:
    """Return id and name of the account that a probe's answer names, empty where it does not."""
    if provider.discovery is not None and provider.discovery.id_at:
        return "", ""  # the list of all, of which the connection is for one
    identity = provider.identity
    return as_text(dig(body, identity.probe_id)), as_text(dig(body, identity.probe_name))


def is_other(connection: Connection, account: Account) -> bool:
    """Tell whether another account was chosen than the connection had, or was told to expect.

    What a person wrote down to expect may be a subject or a verified address; that counts for the first
    consent only. Later ones are held against issuer and subject: an address may have passed on.
    """
    if account.identity is not None:
        if connection.account_id:
            return account.id != connection.account_id
        wanted = connection.wanted_account_id
        return bool(wanted) and wanted.lower() not in _names(account.identity)
    return connection.is_for_other_than(account.id)


def both_named(connection: Connection, account: Account) -> dict[str, str]:
    """Return how to tell both accounts apart in a sentence; an id of issuer and subject only where names do not."""
    expected = connection.wanted_account_id
    known = connection.expected_account_id or connection.account_name
    if account.identity is not None and known and account.name and known != account.name:
        return {"expected": known, "chosen": account.name}
    return {"expected": expected, "chosen": account.id}


def _names(identity: Identity) -> set[str]:
    verified = {identity.email.lower()} if identity.email and identity.is_email_verified else set()
    return {identity.key.lower(), identity.subject.lower()} | verified
