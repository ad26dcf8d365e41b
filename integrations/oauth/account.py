"""Which account at the provider a consent is for: told by the token answer, the callback or one cheap call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.models import Connection
from integrations.oauth.answers import Grant, dig
from integrations.oauth.id_token import Identity
from integrations.oauth.keeping import provider_of
from integrations.oauth.session import Send
from integrations.probe_call import NoProbe, call_probe
from integrations.providers.parts import Variable
from integrations.providers.shape import Provider
from secrets_vault.secret import Secret


@dataclass(frozen=True)
class Account:
    """The account behind a credential, as the provider names it; empty where it does not say."""

    id: str = ""
    name: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None


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
    """
    variables = dict(connection.variables)
    provider = provider_of(connection)
    variables |= _told(provider, "token", grant.extras) | _told(provider, "callback", callback)
    provider = provider_of(_with(connection, variables))
    facts, body = provider.identity, None
    id_, name = _text(dig(grant.extras, facts.token_id)), _text(dig(grant.extras, facts.token_name))
    if provider.probe is not None and not (id_ and (name or not facts.probe_name)):
        body = _probe_body(provider, grant.access_token, send=send)
        variables |= _told(provider, "discovery", body)
    id_, name = id_ or _text(dig(body, facts.probe_id)), name or _text(dig(body, facts.probe_name))
    if identity is None:
        return Account(id_, name, variables)
    return Account(id_ or identity.key, name or identity.label, variables, None if id_ else identity)


def told(connection: Connection, grant: Grant) -> dict[str, str]:
    """Return the URL variables with those that a token answer tells."""
    return connection.variables | _told(provider_of(connection), "token", grant.extras)


def _with(connection: Connection, variables: Mapping[str, str]) -> Connection:
    return Connection(provider_key=connection.provider_key, kind=connection.kind, variables=dict(variables))


def _told(provider: Provider, source: str, answer: Any) -> dict[str, str]:
    """Return the variables that this answer holds; a value that breaks its own pattern is not taken."""
    found = {}
    for variable in provider.variables:
        if variable.source == source and (value := _read(variable, dig(answer, variable.path or variable.name))):
            found[variable.name] = value
    return found


def _read(variable: Variable, raw: Any) -> str:
    try:
        return variable.read(_text(raw)) if raw not in (None, "") else ""
    except ValueError:
        return ""


def _probe_body(provider: Provider, access_token: Secret, *, send: Send) -> Any:
    """Return the probe's answer; the account stays unnamed when the call fails, the consent does not fail with it."""
    try:
        return call_probe(provider, "oauth2", {"access_token": access_token}, send=send).json()
    except NoProbe:
        return None


def _text(value: Any) -> str:
    """Return an identifier as text, cut to what a column holds; booleans and tables identify nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return "".join(char for char in str(value) if char.isprintable()).strip()[:200]


def account_in(provider: Provider, body: Any) -> tuple[str, str]:
    """Return id and name of the account that a probe's answer names, empty where it does not."""
    identity = provider.identity
    return _text(dig(body, identity.probe_id)), _text(dig(body, identity.probe_name))


def is_other(connection: Connection, account: Account) -> bool:
    """Tell whether another account was chosen than the connection had, or was told to expect.

    What a person wrote down to expect may be a subject or a verified address; that counts for the first
    consent only. Later ones are held against issuer and subject: an address may have passed on.
    """
    wanted = connection.expected_account_id or connection.account_id
    if account.identity is not None:
        if connection.account_id:
            return account.id != connection.account_id
        return bool(wanted) and wanted.lower() not in _names(account.identity)
    return bool(wanted and account.id and account.id != wanted)


def both_named(connection: Connection, account: Account) -> dict[str, str]:
    """Return how to tell both accounts apart in a sentence; an id of issuer and subject only where names do not."""
    expected = connection.expected_account_id or connection.account_id
    known = connection.expected_account_id or connection.account_name
    if account.identity is not None and known and account.name and known != account.name:
        return {"expected": known, "chosen": account.name}
    return {"expected": expected, "chosen": account.id}


def _names(identity: Identity) -> set[str]:
    verified = {identity.email.lower()} if identity.email and identity.is_email_verified else set()
    return {identity.key.lower(), identity.subject.lower()} | verified
