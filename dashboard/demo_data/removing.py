"""Takes the demo away: every row of every demo client. The book keeps that it was there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from integrations.models import (
    AlertRoute,
    ApiReceipt,
    ApiToken,
    Call,
    CallDay,
    CallHour,
    CallMinute,
    ClientHour,
    ClientLink,
    Connection,
    ErrorGroup,
    GatewayToken,
    HeldCall,
    HeldRun,
    LimitReading,
    Message,
    Offboarding,
    PathHour,
    SpendDay,
    WebhookEndpoint,
)
from integrations.models.router import calls_alias
from integrations.reminders import DEMO_KEY
from secrets_vault import audit, generation
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client, KeyTerm, StoredSecret

if TYPE_CHECKING:
    from django.db.models import QuerySet

IN_THE_CALL_LOG = (
    *(Call, CallHour, ClientHour, ErrorGroup, LimitReading, CallMinute, CallDay, PathHour, SpendDay),
    ApiReceipt,
)
BELONGING = (
    *(HeldCall, AlertRoute, ApiToken, Offboarding, Message, ClientLink, GatewayToken, Connection, WebhookEndpoint),
    *(StoredSecret, KeyTerm),
)


def remove(*, prefix: str = "") -> int:
    """Remove the demo's clients and all that is theirs; return how many clients there were.

    Their key terms go too, so that no backup can open what their secrets held.
    """
    clients = Client.objects.filter(is_demo=True, slug__startswith=prefix)
    ids = list(clients.values_list("pk", flat=True))
    with transaction.atomic(using=calls_alias()):
        for kind in IN_THE_CALL_LOG:
            kind.objects.filter(client_id__in=ids)._raw_delete(calls_alias())
    with transaction.atomic():
        _runs_of(ids).delete()
        for owned in BELONGING:
            owned.objects.filter(client__in=ids).delete()
        Message.objects.filter(dedupe_key__startswith=DEMO_KEY).delete()
        clients.delete()
        if ids:
            audit.record("demo.removed", actor=COMMAND, details={"clients": len(ids)})
            generation.bump()
    return len(ids)


def _runs_of(ids: list[UUID]) -> QuerySet[HeldRun]:
    """Return the runs that sent calls of these clients and of nobody else."""
    mixed = HeldCall.objects.exclude(client__in=ids).exclude(run=None).values("run_id")
    return HeldRun.objects.filter(rows__client__in=ids).exclude(pk__in=mixed)
