"""Giving a grant back (RFC 7009), the refresh token first, and saying honestly when that failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.oauth import lease
from integrations.oauth.errors import AppWrong, BadMinute, GrantDead, GrantRefused
from integrations.oauth.keeping import REVOKE_SLOT, app_slot, authorization_server, bound_host, revoking_slots
from integrations.oauth.session import Send
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.parts import TOKEN_KINDS
from integrations.status import Status, record, swap
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import VaultError
from secrets_vault.models import Client, StoredSecret
from secrets_vault.secret import Secret

ATTEMPTS = 3
MAX_WAIT_S = 2.0
KEY_LIVES = "key_lives"
PASTED_KEY_LIVES = "pasted_key_lives"


@dataclass(frozen=True)
class Revocation:
    """Whether the provider confirmed that the grant has ended. `code`: why not, fit for a page."""

    done: bool
    code: str = ""

    @property
    def sentence(self) -> str:
        """Return what to tell the person."""
        if self.done:
            return _("The provider has confirmed that the access has ended.")
        if self.code == "no_revoke_url":
            return _("This provider has no way to end access from here: remove the app in the provider's own settings.")
        if self.code == KEY_LIVES:
            return _(
                "The last access token ends by itself. The private key is put aside in the vault and still works at "
                "the provider until you delete it there."
            )
        if self.code == PASTED_KEY_LIVES:
            return _(
                "The last access token ends by itself. The key is put aside in the vault and still works at the "
                "provider until you delete it there."
            )
        return _(
            "The provider did not confirm that the access has ended: remove the app in the provider's own settings."
        )


def revoke(
    connection: Connection, *, now: datetime, send: Send = outbound.send, sleep: Callable[[float], None] = time.sleep
) -> Revocation:
    """Give the stored grant back. Never raises for what the provider does: the answer says it."""
    if connection.keeps_a_key:
        return Revocation(False, KEY_LIVES if connection.kind == Connection.Kind.JWT_BEARER else PASTED_KEY_LIVES)
    if connection.secret is None:
        return Revocation(True)
    try:
        tokens = vault.use(connection.secret, actor=SYSTEM, purpose="revoke")
    except VaultError as error:
        return Revocation(False, error.code)
    return give_back(
        connection, tokens.get("access_token"), tokens.get("refresh_token"), now=now, send=send, sleep=sleep
    )


def _check_policies(connection: Connection, facts: OAuthFacts) -> None:
    """Raise PolicyRefused where the tokens, or the app's secret, may not go as a revocation sends them."""
    host, app = bound_host(facts.revoke_url), connection.oauth_app
    if connection.secret is not None:
        vault.check_policy(connection.secret, host=host, slot=REVOKE_SLOT)
    if app is None or app.secret is None or facts.revokes_by_token:
        return
    for slot in revoking_slots(facts) or (app_slot(facts),):
        vault.check_policy(app.secret, host=host, slot=slot)


def give_back(
    connection: Connection,
    access_token: Secret | None,
    refresh_token: Secret | None,
    *,
    now: datetime,
    send: Send = outbound.send,
    sleep: Callable[[float], None] = time.sleep,
) -> Revocation:
    """Revoke a pair of tokens. The first outcome counts; the other token is tried for good measure.

    Ending the refresh token ends the grant. Where the token itself is the credential only an access token is one, and
    that it has died of age says nothing about the refresh token.
    """
    try:
        server = authorization_server(connection, send=send)
        if not server.facts.revoke_url:
            return Revocation(False, "no_revoke_url")
        _check_policies(connection, server.facts)
    except (IntegrationError, VaultError) as error:  # app, secret or description is gone, or it names another host
        return Revocation(False, error.code)
    pairs = [(refresh_token, "refresh_token"), (access_token, "access_token")]
    is_bearer = server.facts.revokes_by_token
    dead_is_done = not (is_bearer and refresh_token is not None)
    outcomes = [
        _tell(
            lambda token=token, hint=hint: server.revoke(token, hint=hint, now=now),  # type: ignore[misc]
            dead_is_done=dead_is_done,
            sleep=sleep,
        )
        for token, hint in (reversed(pairs) if is_bearer else pairs)
        if token is not None
    ]
    return outcomes[0] if outcomes else Revocation(True)


def _tell(ask: Callable[[], None], *, dead_is_done: bool, sleep: Callable[[float], None]) -> Revocation:
    for attempt in range(ATTEMPTS):
        try:
            ask()
        except GrantDead as error:  # what no longer exists needs no ending (RFC 7009 section 2.2)
            return Revocation(dead_is_done, "" if dead_is_done else error.code)
        except BadMinute as error:
            refused: GrantRefused = error
            if attempt < ATTEMPTS - 1:
                sleep(min(error.retry_after_s or 0.5 * 2**attempt, MAX_WAIT_S))
        except AppWrong as error:
            return Revocation(False, error.code)
        else:
            return Revocation(True)
    return Revocation(False, refused.code)


def disconnect(connection: Connection, *, actor: Actor, now: datetime, send: Send = outbound.send) -> Revocation:
    """Give an OAuth grant back and forget the credential here, whatever the provider answered."""
    outcome = revoke(connection, now=now, send=send) if connection.kind in TOKEN_KINDS else Revocation(True)
    secret, kept = connection.secret, (connection.grant_secret, connection.beside_secret)
    with transaction.atomic():
        swap(
            connection,
            secret=None,
            grant_secret=None,
            beside_secret=None,
            status=Status.NOT_CONNECTED,
            status_code="" if outcome.done else "not_revoked",
            status_since=now,
            status_before_pause="",
            account_unconfirmed=False,
            granted_scopes=[],
            access_expires_at=None,
            refresh_expires_at=None,
            refresh_due_at=None,
            refresh_failures=0,
            probe_due_at=None,
            **lease.RELEASED,
        )
        record(connection, "connection.disconnected", actor=actor, revoked=outcome.done, code=outcome.code)
        if secret is not None:
            _forget(secret, actor=actor, by_shredding=connection.kind in TOKEN_KINDS)
        for each in kept:
            if each is not None:
                _forget(each, actor=actor, by_shredding=False)
    return outcome


def disconnect_all(
    client: Client, *, actor: Actor, now: datetime, send: Send = outbound.send
) -> list[tuple[Connection, Revocation]]:
    """End every access of one client in one act; what a provider did not confirm is said of that connection alone."""
    held = Q(secret__isnull=False) | Q(grant_secret__isnull=False) | Q(beside_secret__isnull=False)
    rows = Connection.objects.filter(held, client=client)
    rows = rows.select_related(
        "client", "environment", "oauth_app__secret", "secret__current", "grant_secret", "beside_secret"
    )
    return [(row, disconnect(row, actor=actor, now=now, send=send)) for row in list(rows)]


def _forget(secret: StoredSecret, *, actor: Actor, by_shredding: bool) -> None:
    """Tokens are of no use to anybody now and are destroyed; a key that a person pasted can still be restored."""
    if by_shredding:
        vault.destroy(secret, actor=actor, reason="disconnected")
    else:
        vault.delete(secret, actor=actor)
