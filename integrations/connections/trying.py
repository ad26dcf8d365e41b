"""Does a credential work that is not stored yet? The same harmless call, and nothing is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations import outbound, probe_quota
from integrations.connections.credential import check_values
from integrations.connections.probing import outcome_of
from integrations.models import Connection
from integrations.oauth.account import account_in
from integrations.oauth.session import Send
from integrations.probe_call import NoProbe, call_probe
from integrations.providers.registry import get_provider
from integrations.providers.shape import Provider
from secrets_vault.secret import Secret


@dataclass(frozen=True)
class Tried:
    """What one call with a credential showed; `expected_id` is filled where it is another account's."""

    outcome: str
    status: int = 0
    account_id: str = ""
    account_name: str = ""
    expected_id: str = ""


def rendered(connection: Connection, variables: Mapping[str, str]) -> Provider:
    """Return the connection's provider with these parts of its URLs beside the connection's own. Raises BadVariable.

    The connection's own win: where its credential goes already is not changed from outside.
    """
    facts = get_provider(connection.provider_key).of_kind(connection.kind)
    return facts.render({**variables, **connection.variables})


def try_values(
    connection: Connection,
    fields: Mapping[str, Secret],
    *,
    variables: Mapping[str, str],
    send: Send = outbound.send,
) -> Tried:
    """Call the provider once with these values. Raises BadValue for what could not stand in a request, BadVariable."""
    provider = rendered(connection, variables)
    check_values(provider, connection.kind, fields)
    try:
        answer = call_probe(provider, connection.kind, fields, send=send)
    except NoProbe:
        return Tried("no_probe")
    outcome = outcome_of(answer, provider)
    if outcome != "works":
        return Tried(outcome, answer.status)
    account_id, account_name = account_in(provider, answer.json())
    if connection.is_for_other_than(account_id):
        return Tried("other_account", answer.status, account_id, account_name, connection.wanted_account_id)
    probe_quota.count(connection, provider)
    return Tried("works", answer.status, account_id, account_name)
