"""Connections whose tokens nobody consents to: the token of the hour is ended here, the key or the app at the provider.

As long as that key or app lives, anybody who holds it is given the next token. So the check asks for one.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from integrations import probe_quota
from integrations.connections.probing import outcome_of
from integrations.models import Connection, OffboardingItem
from integrations.oauth import lease, machine
from integrations.oauth.errors import AppWrong, GrantDead
from integrations.oauth.keeping import provider_of
from integrations.oauth.revoke import KEY_LIVES, give_back
from integrations.oauth.session import Send
from integrations.probe_call import call_probe
from integrations.status import Status, record, swap
from secrets_vault import vault
from secrets_vault.actor import SYSTEM

Outcome = OffboardingItem.Outcome
Result = tuple[str, str]


def end_token(connection: Connection, *, now: datetime, send: Send) -> Result:
    """Give the current access token back where the provider can take it, destroy it here, and ask for no other."""
    stored = connection.secret
    if stored is None:
        return Outcome.BY_HAND, KEY_LIVES
    token = vault.use(stored, actor=SYSTEM, purpose="revoke").get("access_token")
    given = give_back(connection, token, None, now=now, send=send)
    ended = {"access_expires_at": None, "refresh_due_at": None, "probe_due_at": None, **lease.RELEASED}
    with transaction.atomic():
        swap(connection, secret=None, status=Status.UNTESTED, status_code="", status_since=now, **ended)
        record(connection, "connection.disconnected", actor=SYSTEM, revoked=given.done, code=KEY_LIVES)
        vault.destroy(stored, actor=SYSTEM, reason="disconnected")
    return Outcome.BY_HAND, KEY_LIVES


def is_still_let_in(connection: Connection, *, now: datetime, send: Send) -> Result:
    """Ask the provider for a token, or with one signed here: only its own refusal proves an end. VaultError."""
    try:
        grant = machine.ask(connection, now=now, send=send)
    except (GrantDead, AppWrong) as error:
        is_its_own = isinstance(error, GrantDead) or connection.kind == Connection.Kind.CLIENT_CREDENTIALS
        return (Outcome.DEAD if error.status and is_its_own else Outcome.BY_HAND), str(error.status or error.code)
    if not machine.signs_alone(connection):
        return Outcome.STILL_WORKS, ""
    provider = provider_of(connection)
    probe_quota.take_or_count(connection, provider)
    answer = call_probe(provider, connection.kind, {"access_token": grant.access_token}, send=send)
    found = {"works": Outcome.STILL_WORKS, "refused": Outcome.DEAD}
    return found.get(outcome_of(answer, provider), Outcome.BY_HAND), str(answer.status or answer.code)
