"""A key that a client hands over: looked at, tried, stored, and never shown back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction

from integrations import outbound
from integrations.connections import probing
from integrations.connections.credential import BadValue, connect_key, secret_policy, use_stored
from integrations.connections.trying import Tried, rendered, try_values
from integrations.errors import IntegrationError
from integrations.links import items
from integrations.links.link import holder
from integrations.models import Connection, LinkItem
from integrations.oauth.session import Send
from integrations.providers.registry import warnings_for
from integrations.providers.shape import BadVariable
from integrations.status import ConnectionChanged, swap
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.errors import BadInput
from secrets_vault.models import SecretVersion
from secrets_vault.secret import Secret

RACES = 5
GOOD = ("works", "no_probe")
NOT_SECRET = ("username",)


@dataclass(frozen=True)
class Given:
    """What a client entered. `is_sure`: they have read the warnings."""

    fields: Mapping[str, Secret] = field(repr=False)
    variables: Mapping[str, str]
    is_sure: bool = False
    made_on: date | None = None


class NotTaken(IntegrationError):
    """What was entered was not stored. `field` and `details` say about it what a page may show."""

    code = "not_taken"

    def __init__(self, code: str, *, field: str = "", warned: tuple[str, ...] = (), **details: str) -> None:
        self.code = code
        self.field = field
        self.warned = warned
        self.details = details
        super().__init__(code)


def hand_over(item: LinkItem, given: Given, *, now: datetime, send: Send = outbound.send) -> Tried:
    """Take one credential for one item. Raises NotTaken, with nothing stored and the link as good as before."""
    connection = read(item)
    try:
        warned = _looked_at(connection, given)
        tried = _tried(connection, given, send=send)
        _land(item, given, tried, warned=warned, now=now)
    except NotTaken as refused:
        items.note_failure(item.link, connection, refused.code, now=now)
        raise
    except BadInput:
        items.note_failure(item.link, connection, "bad_value", now=now)
        raise NotTaken("bad_value") from None
    return tried


def read(item: LinkItem) -> Connection:
    """Return the item's connection as it is now."""
    rows = Connection.objects.select_related("client", "environment", "secret__current", "secret__client")
    row: Connection = rows.get(pk=item.connection_id)
    return row


def _looked_at(connection: Connection, given: Given) -> list[str]:
    """Return the codes of what looks odd. Raises NotTaken for what must be looked at again first."""
    try:
        provider = rendered(connection, given.variables)
    except (BadVariable, IntegrationError):
        raise NotTaken("bad_variable") from None
    secret = {name: value for name, value in given.fields.items() if name not in NOT_SECRET}
    found = [warned for value in secret.values() for warned in warnings_for(provider, value, connection.environment)]
    serious = tuple(dict.fromkeys(warned.code for warned in found if warned.is_serious))
    if serious and not given.is_sure:
        raise NotTaken("warned", warned=serious)
    codes = [warned.code for warned in found]
    return list(dict.fromkeys([*codes, *(code for value in secret.values() for code in _known(connection, value))]))


def _known(connection: Connection, value: Secret) -> Iterator[str]:
    """Say where the same value is stored already. The client hears only of their own connection's."""
    for row in vault.find_value(value):
        version = row.version
        if version.secret_id != connection.secret_id:
            yield "known_elsewhere"
        elif connection.secret is not None and version.pk == connection.secret.current_id:
            raise NotTaken("same_value")
        elif version.state in (SecretVersion.State.GRACE, SecretVersion.State.RETIRED):
            raise NotTaken("old_value")


def _tried(connection: Connection, given: Given, *, send: Send) -> Tried:
    try:
        tried = try_values(connection, given.fields, variables=given.variables, send=send)
    except BadValue as bad:
        raise NotTaken("bad_value", field=bad.field) from None
    except (BadVariable, IntegrationError):
        raise NotTaken("cannot") from None
    if tried.outcome == "other_account":
        chosen = tried.account_name or tried.account_id
        expected = connection.account_name if connection.account_id == tried.expected_id else ""
        if chosen in ("", expected):  # names that do not differ tell nobody which is which
            chosen, expected = tried.account_id, tried.expected_id
        raise NotTaken("other_account", chosen=chosen, expected=expected or tried.expected_id)
    if tried.outcome not in GOOD:
        raise NotTaken(tried.outcome)
    return tried


def _land(item: LinkItem, given: Given, tried: Tried, *, warned: list[str], now: datetime) -> None:
    for attempt in range(RACES):
        connection = read(item)
        try:
            with transaction.atomic():
                version = _store(item, connection, given, tried=tried, now=now)
                found = {"version": version, "outcome": tried.outcome, "warned": warned}
                if not items.use_up(item.link, connection, now=now, **found):
                    raise NotTaken("done_already")
            break
        except ConnectionChanged:
            if attempt == RACES - 1:
                raise NotTaken("not_now") from None
    if item.lands_as == LinkItem.LandsAs.CURRENT:
        result = probing.ProbeResult(tried.outcome, "", tried.status, tried.account_id, tried.account_name)
        probing.note(connection.pk, result, actor=holder(item.link), now=now)


def _store(
    item: LinkItem, connection: Connection, given: Given, *, tried: Tried, now: datetime
) -> SecretVersion | None:
    actor = holder(item.link)
    if set(given.variables) - set(connection.variables):
        if connection.secret_id is not None:  # somebody was faster: where that goes is not changed from outside
            raise NotTaken("not_now")
        swap(connection, variables={**given.variables, **connection.variables})
    about: dict[str, Any] = {"made_on": given.made_on, "reason": "handed over by a link"}
    if item.lands_as == LinkItem.LandsAs.CURRENT:
        stored = connect_key(connection, given.fields, actor=actor, now=now, owner=item.link.created_by, **about)
        return stored.current
    version = _store_pending(item, connection, given, actor=actor, **about)
    if tried.outcome == "works":
        vault.mark_verified(version, actor=actor, now=now)
    return version


def _store_pending(
    item: LinkItem, connection: Connection, given: Given, *, actor: Actor, **about: Any
) -> SecretVersion:
    """Store beside what is in use: nothing calls with it until somebody takes it into use."""
    if connection.secret is not None:
        return vault.replace(connection.secret, given.fields, actor=actor, pending=True, **about)
    provider = rendered(connection, {})
    stored = vault.store(
        actor=actor,
        client=connection.client,
        environment=connection.environment,
        kind=connection.kind,
        label=connection.label or f"{provider.name} {connection.environment.slug}",
        fields=given.fields,
        provider_key=connection.provider_key,
        owner=item.link.created_by,
        policy=secret_policy(provider, connection.kind),
        pending=True,
        **about,
    )
    version: SecretVersion = stored.versions.get()
    return version


def take_into_use(item: LinkItem, *, actor: Actor, now: datetime) -> None:
    """Let calls go out with what a client handed over. Raises BadInput when it waits no longer."""
    connection = read(item)
    if item.version is None:
        raise BadValue("version", "there is nothing to take into use")
    with transaction.atomic():
        vault.promote(item.version, actor=actor)
        use_stored(connection, item.version.secret, actor=actor, now=now)
