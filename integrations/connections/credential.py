"""A pasted credential: checked before it is stored, bound to the provider's hosts and its one slot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.injecting import IncompleteCredential, injected
from integrations.models import Connection
from integrations.oauth.keeping import oauth_facts, provider_of, token_policy
from integrations.outside import AnswerRefused, told_by_credential
from integrations.providers import templates
from integrations.providers.injection import OWN_FIELDS
from integrations.providers.shape import Provider
from integrations.status import Status, record, swap
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.models import StoredSecret, User
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy

MAX_LENGTH = 8192
FIELDS = OWN_FIELDS  # of the kinds whose credential a person pastes; a provider may want more, see `fields_of`


class BadValue(IntegrationError):
    """A value cannot be sent as it is. `field` names it; the message says why and never holds it."""

    code = "bad_value"

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(reason)


def secret_policy(provider: Provider, kind: str) -> Policy:
    """Return where a credential of this kind may go: the provider's own hosts, in its own slots."""
    return Policy(hosts=provider.allowed_hosts, slots=provider.injection_for(kind).slots)


def policy_of(provider: Provider, kind: str) -> Policy:
    """Return where what a connection of this kind holds may go: a pasted credential, or tokens."""
    return secret_policy(provider, kind) if kind in OWN_FIELDS else token_policy(provider, kind)


def check_values(provider: Provider, kind: str, fields: Mapping[str, Secret]) -> None:
    """Raise BadValue for what could not stand in a request (RFC 9110 section 5.5).

    Checked here because the HTTP library's own complaint would quote the whole value (measured on h11).
    """
    wanted = provider.fields_of(kind)
    given, needed = set(fields), {field.name for field in wanted if not field.is_optional}
    if not wanted or not needed <= given <= {field.name for field in wanted}:
        names = " and ".join(field.name for field in wanted)
        raise BadValue(next(iter(fields), ""), f"a connection of kind {kind} takes {names}")
    for name, value in fields.items():
        _check(name, value.expose(), may_be_empty=name == "password")
    if kind == "basic" and ":" in fields["username"].expose():
        raise BadValue("username", _("a user name cannot hold a colon (RFC 7617)"))
    _check_sent(provider, kind, fields)


def check_exchanged(provider: Provider, fields: Mapping[str, Secret]) -> None:
    """Raise BadValue for what could not stand in the request that exchanges a key for a token."""
    facts = oauth_facts(provider).exchange
    wanted = {field.name: field for field in facts.asked}
    if lacking := [name for name, field in wanted.items() if name not in fields and not field.is_optional]:
        raise BadValue(lacking[0], _("nothing was entered"))
    if unknown := set(fields) - set(wanted):
        raise BadValue(min(unknown), _("{name} takes no such value").format(name=provider.name))
    in_headers = {name for text in facts.headers.values() for name in templates.names(text)}
    for name, value in fields.items():
        _check(name, value.expose(), may_be_empty=name == "password")
        if name in in_headers and not templates.HEADER_VALUE.fullmatch(value.expose()):
            raise BadValue(name, _("this holds a character that cannot stand in a header"))
    if facts.basic and ":" in fields["username"].expose():
        raise BadValue("username", _("a user name cannot hold a colon (RFC 7617)"))


def check_beside(provider: Provider, kind: str, fields: Mapping[str, Secret]) -> None:
    """Raise BadValue for what could not stand beside a token in a request."""
    for name, value in fields.items():
        _check(name, value.expose(), may_be_empty=False)
    if fields:
        _check_sent(provider, kind, {**fields, "access_token": Secret("x")})


def _check(name: str, value: str, *, may_be_empty: bool) -> None:
    if not value and not may_be_empty:
        raise BadValue(name, _("nothing was entered"))
    if len(value) > MAX_LENGTH:
        raise BadValue(
            name,
            _("this is longer than {n} characters, so it is no credential; was a whole file pasted?").format(
                n=MAX_LENGTH
            ),
        )
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise BadValue(name, _("this holds a line break or another control character; copy the value alone"))
    if name != "password" and value != value.strip():
        raise BadValue(name, _("this begins or ends with a space; copy the value alone"))


def _check_sent(provider: Provider, kind: str, fields: Mapping[str, Secret]) -> None:
    if not _can_be_sent(provider, kind, {name: value.expose() for name, value in fields.items()}):
        raise BadValue(
            next(iter(fields)),
            _("this holds a character that cannot stand in a header; was it changed by a word processor?"),
        )


def _can_be_sent(provider: Provider, kind: str, plain: Mapping[str, str]) -> bool:
    """Tell whether each value can stand where it goes. The codec's own exception carries the value: it ends here."""
    try:
        ready = injected(provider.injection_for(kind), kind, plain)
        if ready.headers:
            "".join(ready.texts).encode("latin-1")
    except (UnicodeError, IncompleteCredential):
        return False
    return True


def connect_key(
    connection: Connection,
    fields: Mapping[str, Secret],
    *,
    actor: Actor,
    now: datetime,
    made_on: date | None = None,
    owner: User | None = None,
    owner_name: str = "",
    where_used: str = "",
    expires_at: datetime | None = None,
    rotate_after_days: int | None = None,
    reason: str = "",
) -> StoredSecret:
    """Store a pasted credential, or a new version of it, bound to the provider. It is not tested yet.

    Raises BadValue before anything is stored, and ConnectionChanged.
    """
    provider = provider_of(connection)
    check_values(provider, connection.kind, fields)
    about: dict[str, Any] = {"made_on": made_on, "expires_at": expires_at, "reason": reason}
    said = _said_by(fields, provider)
    with transaction.atomic():
        if said.items() - connection.variables.items():
            swap(connection, variables={**connection.variables, **said})
            provider = provider_of(connection)
        if connection.secret is not None:
            stored = connection.secret
            vault.bind_policy(stored, secret_policy(provider, connection.kind), actor=actor)
            vault.replace(stored, fields, actor=actor, **about)
        else:
            stored = vault.store(
                actor=actor,
                client=connection.client,
                environment=connection.environment,
                kind=connection.kind,
                label=connection.label or f"{provider.name} {connection.environment.slug}",
                fields=fields,
                provider_key=connection.provider_key,
                owner=owner,
                owner_name=owner_name,
                where_used=where_used,
                policy=secret_policy(provider, connection.kind),
                rotate_after_days=rotate_after_days,
                **about,
            )
        _untested(connection, stored, actor=actor, now=now)
    return stored


def _said_by(fields: Mapping[str, Secret], provider: Provider) -> dict[str, str]:
    """Return what the credential says itself about its address. Raises BadValue where that is not taken."""
    try:
        own = [value.expose() for name, value in fields.items() if name != "username"]
        return {name: text for value in own for name, text in told_by_credential(provider, value).items()}
    except AnswerRefused as refused:
        raise BadValue(next(iter(fields)), str(refused)) from None


def use_stored(connection: Connection, stored: StoredSecret, *, actor: Actor, now: datetime) -> None:
    """Use a secret that is already in the vault. Raises BadValue when it is another client's or kind's."""
    if stored.client_id != connection.client_id or stored.environment_id not in (None, connection.environment_id):
        raise BadValue("secret", _("this secret belongs to another client or environment"))
    if stored.kind != connection.kind:
        raise BadValue(
            "secret",
            _("this secret is of another kind than the connection, which takes {kind}").format(kind=connection.kind),
        )
    with transaction.atomic():
        vault.bind_policy(stored, secret_policy(provider_of(connection), connection.kind), actor=actor)
        _untested(connection, stored, actor=actor, now=now)


def _untested(connection: Connection, stored: StoredSecret, *, actor: Actor, now: datetime) -> None:
    """Note that there is a credential nobody has tried; a paused connection stays paused."""
    state: dict[str, Any] = {"status": Status.UNTESTED, "status_code": "", "status_since": now}
    if connection.status == Status.PAUSED:
        state = {"status_before_pause": Status.UNTESTED}
    # Until a call with it names the account: where one is wanted, nobody has said yet that it is this one.
    state["account_unconfirmed"] = bool(connection.wanted_account_id)
    swap(connection, secret=stored, connected_at=now, connected_by=actor.label[:160], probe_due_at=now, **state)
    record(connection, "connection.credential_stored", actor=actor)
