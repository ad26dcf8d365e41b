"""Renaming a connection, taking a person's word for its account, and removing it for good."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.models import Connection, GatewayToken
from integrations.oauth.revoke import Revocation, disconnect
from integrations.oauth.session import Send
from integrations.status import record, swap
from secrets_vault import generation
from secrets_vault.actor import Actor


class StillUsed(IntegrationError):
    """Gateway tokens still open this connection. `names` says which."""

    code = "still_used"

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(_("still used by {names}").format(names=", ".join(names[:5])))


def rename(connection: Connection, label: str, *, actor: Actor) -> None:
    """Change what people call it. Its slug stays: automations hold it in their addresses."""
    if label == connection.label:
        return
    with transaction.atomic():
        # Not a swap: a name says nothing about the credential, so a consent under way stays valid.
        Connection.objects.filter(pk=connection.pk).update(label=label)
        record(connection, "connection.renamed", actor=actor)
    connection.label = label


def confirm_account(connection: Connection, *, actor: Actor) -> bool:
    """Take a person's word that it is the wanted account; tell whether that was open. Raises ConnectionChanged."""
    if not connection.account_unconfirmed:
        return False
    with transaction.atomic():
        swap(connection, account_unconfirmed=False)
        record(connection, "connection.account_confirmed", actor=actor, account=connection.wanted_account_id)
    return True


def living_tokens(connection: Connection, *, now: datetime) -> QuerySet[GatewayToken]:
    """Return the gateway tokens that open this connection today."""
    return connection.gateway_tokens.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


def delete(
    connection: Connection,
    *,
    actor: Actor,
    now: datetime,
    even_if_used: bool = False,
    send: Send = outbound.send,
) -> Revocation:
    """Remove a connection: its grant is given back first. Raises StillUsed unless that is wanted.

    The call log, the errors and the audit trail stay. A gateway token loses this connection only.
    """
    names = list(living_tokens(connection, now=now).values_list("name", flat=True))
    if names and not even_if_used:
        raise StillUsed(names)
    outcome = Revocation(True)
    if connection.secret_id or connection.grant_secret_id or connection.beside_secret_id:
        outcome = disconnect(connection, actor=actor, now=now, send=send)
    with transaction.atomic():
        record(connection, "connection.deleted", actor=actor, tokens=names, revoked=outcome.done)
        Connection.objects.filter(pk=connection.pk).delete()
        generation.bump()
    return outcome
