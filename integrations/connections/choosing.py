"""Which of several sites or organisations a connection is for: asked of the provider, chosen by a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from integrations import outbound
from integrations.beside import rebind_beside
from integrations.connections.credential import policy_of
from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.oauth.held import read
from integrations.oauth.keeping import bound_host, provider_of
from integrations.oauth.refresh import access_token
from integrations.oauth.session import Send
from integrations.outside import Reached, reached, the_one
from integrations.providers.injection import OWN_FIELDS
from integrations.providers.registry import get_provider
from integrations.providers.shape import Provider
from integrations.status import CHOICE_NEEDED, Status, record, swap
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.secret import Secret


class NoSuchChoice(IntegrationError):
    """What was chosen is not among what the provider listed."""

    code = "no_such_choice"


def is_undecided(connection: Connection, provider: Provider) -> bool:
    """Tell whether the provider would have to be asked what this credential reaches."""
    if provider.discovery is None or connection.secret_id is None or connection.choices:
        return False
    names = [variable.name for variable in provider.variables if variable.source == "discovery"]
    return any(not connection.variables.get(name) for name in names)


def look(connection: Connection, *, actor: Actor, now: datetime, send: Send = outbound.send) -> list[Reached]:
    """Ask the provider what the credential reaches, and take the only one; several wait for a person.

    Returns them, nothing where the provider gave no list. Raises VaultError and IntegrationError as a probe does.
    """
    row = read(connection.pk)
    provider = provider_of(row)
    if provider.discovery is None or row.secret is None:
        return []
    found = reached(provider, row.kind, _fields(row, provider, now=now, send=send), send=send)
    if found is None:
        return []
    one = the_one(found, row.variables, wanted=row.expected_account_id)
    with transaction.atomic():
        if one is not None:
            _take(row, one.as_json(), [each.as_json() for each in found], actor=actor, now=now)
        elif found:
            waits: dict[str, Any] = {"choices": [each.as_json() for each in found]}
            if row.status != Status.PAUSED:
                waits |= {"status": Status.FAILING, "status_code": CHOICE_NEEDED, "status_since": now}
            swap(row, **waits)
    connection.refresh_from_db()
    return found


def _fields(row: Connection, provider: Provider, *, now: datetime, send: Send) -> Mapping[str, Secret]:
    """Return the credential, after asking its policy whether it may go where the list is."""
    assert row.secret is not None and provider.discovery is not None  # noqa: S101, PT018 - the caller looked
    for slot in provider.injection_for(row.kind).slots:
        vault.check_policy(row.secret, host=bound_host(provider.discovery.url), slot=slot)
    if row.kind in OWN_FIELDS:
        return vault.use(row.secret, actor=SYSTEM, purpose="discovery")
    return {"access_token": access_token(row, now=now, send=send)}


def choose(connection: Connection, chosen: str, *, actor: Actor, now: datetime) -> None:
    """Use one of those that the provider listed. Raises NoSuchChoice, BadVariable and ConnectionChanged."""
    found = next((each for each in connection.choices if each["id"] == chosen), None)
    if found is None:
        raise NoSuchChoice("the provider did not list it")
    with transaction.atomic():
        _take(connection, found, connection.choices, actor=actor, now=now)
        record(connection, "connection.account_chosen", actor=actor, account=found["name"])


def _take(connection: Connection, found: Mapping[str, Any], choices: list[Any], *, actor: Actor, now: datetime) -> None:
    """Write the variables, and sign the policy anew for the hosts that they lead to. Needs a transaction."""
    variables = {**connection.variables, **found["variables"]}
    provider = get_provider(connection.provider_key).of_kind(connection.kind).render(variables)
    changes: dict[str, Any] = {"variables": variables, "choices": choices, "probe_due_at": now}
    if provider.discovery is not None and provider.discovery.id_at:
        changes |= {"account_id": found["id"], "account_name": found["name"], "account_unconfirmed": False}
    if connection.status_code == CHOICE_NEEDED:
        changes |= {"status": Status.UNTESTED, "status_code": "", "status_since": now}
    swap(connection, **changes)
    if connection.secret is not None:
        vault.bind_policy(connection.secret, policy_of(provider, connection.kind), actor=actor)
        rebind_beside(connection, provider, actor=actor)
