"""What a call carries beside a token that nobody pasted: Google Ads' developer token next to a consent.

It is a secret of the connection with versions and an age of its own: a refresh does not touch it, and it is bound to
the provider's hosts and to its own places alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.injecting import IncompleteCredential
from integrations.models import Connection
from integrations.status import record, swap
from secrets_vault import vault
from secrets_vault.errors import PolicyRefused
from secrets_vault.models import SecretField, StoredSecret
from secrets_vault.vault import Policy

if TYPE_CHECKING:
    from integrations.providers.shape import Provider
    from secrets_vault.actor import Actor
    from secrets_vault.secret import Secret


class LacksBeside(IncompleteCredential):
    """Every call has to carry a value that is not stored; no other token would help."""

    code = "lacks_beside"


def policy_beside(provider: Provider, kind: str) -> Policy:
    """Return where these values may go: the provider's own hosts, in their own places."""
    names = [field.name for field in provider.fields_beside(kind)]
    return Policy(hosts=provider.allowed_hosts, slots=provider.injection_for(kind).slots_of(names))


def lacks_beside(connection: Connection, provider: Provider) -> bool:
    """Tell whether a value is missing that every call has to carry."""
    needed = {field.name for field in provider.fields_beside(connection.kind) if not field.is_optional}
    stored = connection.beside_secret
    if not needed:
        return False
    held = set(stored.current.fields.values_list("name", flat=True)) if stored and stored.current else set()
    return not needed <= held


def store_beside(
    connection: Connection,
    provider: Provider,
    fields: Mapping[str, Secret],
    *,
    actor: Actor,
    made_on: date | None = None,
) -> StoredSecret | None:
    """Keep the values, or a new version of them; nothing where none is given. They were checked before."""
    if not fields:
        return None
    policy, reason = policy_beside(provider, connection.kind), _("typed on the connection's page")
    with transaction.atomic():
        stored = connection.beside_secret
        if stored is not None:
            vault.bind_policy(stored, policy, actor=actor)
            vault.replace(stored, fields, actor=actor, made_on=made_on, reason=reason)
            swap(connection)
        else:
            stored = vault.store(
                actor=actor,
                client=connection.client,
                environment=connection.environment,
                kind=StoredSecret.Kind.KEY_VALUE_SET,
                label=_("{name}: beside the token").format(name=connection.label or provider.name)[:120],
                fields=fields,
                provider_key=connection.provider_key,
                made_on=made_on,
                policy=policy,
            )
            swap(connection, beside_secret=stored)
        record(connection, "connection.credential_stored", actor=actor)
    return stored


def rebind_beside(connection: Connection, provider: Provider, *, actor: Actor) -> None:
    """Bind the values to the hosts that are known by now: a consent may have told one."""
    if connection.beside_secret is not None:
        vault.bind_policy(connection.beside_secret, policy_beside(provider, connection.kind), actor=actor)


def values_beside(
    connection: Connection,
    provider: Provider,
    *,
    host: str,
    actor: Actor,
    rows: Sequence[SecretField] | None = None,
) -> dict[str, Secret]:
    """Return the values for a call to this host. Raises PolicyRefused, and LacksBeside where one is missing.

    `rows` are the sealed fields where they were read already.
    """
    wanted = provider.fields_beside(connection.kind)
    stored = connection.beside_secret if wanted else None
    opened: dict[str, Secret] = {}
    if stored is not None:
        if stored.client_id != connection.client_id:  # only a hand in the database can have brought them together
            raise PolicyRefused("The secret is another client's.")
        for slot in provider.injection_for(connection.kind).slots_of(field.name for field in wanted):
            vault.check_policy(stored, host=host, slot=slot)
        opened = vault.use(stored, actor=actor, purpose="beside a token", rows=rows)
    if missing := [field.name for field in wanted if not field.is_optional and field.name not in opened]:
        raise LacksBeside(f"nothing is stored for {missing[0]}")
    return {field.name: opened[field.name] for field in wanted if field.name in opened}
