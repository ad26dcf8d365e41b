"""A connection of the file that asks for its own tokens: by the OAuth app itself, or by a private key."""

from __future__ import annotations

from typing import Any

from config.provision.reading import ConnectionSpec
from config.provision.run import Run
from integrations.connections.credential import BadValue
from integrations.connections.granting import connect_exchange, connect_jwt, import_tokens
from integrations.connections.pasted_key import check_claims, read_pasted
from integrations.models import Connection
from integrations.oauth.keeping import oauth_facts, provider_of
from integrations.status import Status, swap
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.errors import NoValue, Unreadable
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret

REASON = "provisioned from a file"


def apply_grant(run: Run, connection: Connection, spec: ConnectionSpec) -> None:
    """Keep the private key and the claims, or let the app ask; nothing is called. What is the same changes nothing."""
    if connection.kind == Connection.Kind.OAUTH2:
        _take_over(run, connection, spec)
        return
    if connection.kind == Connection.Kind.JWT_BEARER:
        _apply_key(run, connection, spec)
    elif connection.kind == Connection.Kind.KEY_EXCHANGE:
        _apply_exchanged(run, connection, spec)
    elif connection.status == Status.NOT_CONNECTED and connection.oauth_app_id is not None:
        swap(connection, status=Status.UNTESTED, status_code="", status_since=run.now)


def _apply_key(run: Run, connection: Connection, spec: ConnectionSpec) -> None:
    stored = connection.grant_secret
    is_first = stored is None
    if spec.key is None:
        if stored is None:
            run.document.refuse((*spec.path, "key"), "is missing")
        elif spec.claims is not None and spec.claims != connection.claims:
            run.document.refuse((*spec.path, "claims"), "new claims need the key beside them")
        return
    before = (connection.claims, stored and stored.current_id)
    if stored is not None and _is_same(connection, spec):
        return
    about: dict[str, Any] = {"made_on": spec.made_on, "reason": REASON}
    try:
        kept = connect_jwt(
            connection,
            spec.key,
            spec.claims or {},
            actor=run.actor,
            now=run.now,
            rotate_after_days=spec.rotate_after_days,
            **about,
        )
    except BadValue as error:
        at = ("key",) if error.field == "private_key" else ("claims", error.field)
        run.document.refuse((*spec.path, *at), str(error))
        return
    swap(connection, probe_due_at=None)  # nothing is called unless that was asked for
    if is_first:
        return
    for name, is_new in (("claims", before[0] != connection.claims), ("key", before[1] != kept.current_id)):
        if is_new:
            run.note(connection.client.slug, "connections", connection.slug, name)


def _take_over(run: Run, connection: Connection, spec: ConnectionSpec) -> None:
    """Import the tokens of a consent that was given elsewhere; nothing is called.

    Once: a refresh brings newer ones, and those of the file are old then. Only a connection that has none, or whose
    grant is dead, takes them, and a dead one only others than it had.
    """
    if not spec.tokens or connection.oauth_app_id is None:
        return
    is_dead = connection.status == Status.NEEDS_RECONNECTING
    if connection.secret is not None and (not is_dead or _holds_any(connection.secret, spec.tokens)):
        return
    pair = {name: spec.tokens.get(name) for name in ("refresh_token", "access_token")}
    try:
        import_tokens(
            connection,
            refresh_token=pair["refresh_token"],
            access_token=pair["access_token"],
            actor=run.actor,
            now=run.now,
        )
    except BadValue as error:
        run.document.refuse((*spec.path, "tokens", error.field), str(error))
        return
    swap(connection, probe_due_at=None, refresh_due_at=None)  # nothing is called unless that was asked for
    if is_dead:
        run.note(connection.client.slug, "connections", connection.slug, "tokens")


def _holds_any(stored: StoredSecret, tokens: dict[str, Secret]) -> bool:
    """Tell whether one of these is what is there: the grant of which the provider says that it is dead."""
    try:
        held = vault.use(stored, actor=SYSTEM, purpose="compare")
    except (Unreadable, NoValue):
        return False
    return any(name in held and held[name] == value for name, value in tokens.items())


def _apply_exchanged(run: Run, connection: Connection, spec: ConnectionSpec) -> None:
    """Keep the key that is exchanged for tokens; nothing is called."""
    stored = connection.grant_secret
    if not spec.fields:
        if stored is None:
            run.document.refuse((*spec.path, "secret"), "is missing")
        return
    if stored is not None and _holds(stored, spec.fields):
        return
    about: dict[str, Any] = {"made_on": spec.made_on, "reason": REASON, "rotate_after_days": spec.rotate_after_days}
    try:
        connect_exchange(connection, spec.fields, actor=run.actor, now=run.now, **about)
    except BadValue as error:
        at = ("secret",) if error.field in ("api_key", "password") else ("fields", error.field)
        run.document.refuse((*spec.path, *at), str(error))
        return
    swap(connection, probe_due_at=None)  # nothing is called unless that was asked for
    if stored is not None:
        run.note(connection.client.slug, "connections", connection.slug, "secret")


def _holds(stored: StoredSecret, fields: dict[str, Secret]) -> bool:
    try:
        return vault.holds(stored, fields)
    except Unreadable:
        return False


def _is_same(connection: Connection, spec: ConnectionSpec) -> bool:
    """Tell whether the file says what is stored: the key as it was read, and every claim."""
    assert connection.grant_secret is not None  # noqa: S101 - for the type checker; the caller looked
    assert spec.key is not None  # noqa: S101 - as above
    try:
        facts = oauth_facts(provider_of(connection)).assertion
        pasted = read_pasted(spec.key, facts)
        wanted = check_claims({**pasted.claims, **(spec.claims or {})}, facts)
        is_held = vault.holds(connection.grant_secret, {"private_key": pasted.private_key})
    except (BadValue, Unreadable):
        return False
    return is_held and wanted == connection.claims
