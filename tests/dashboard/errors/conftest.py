"""Errors, calls and readings of Acme's HubSpot connection."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.call_log.record import CallRecord
from integrations.call_log.rows import masked_row
from integrations.call_log.tables import write_batch
from integrations.models import Call, Connection
from integrations.models.call import Outcome
from secrets_vault.ids import uuid7


@pytest.fixture
def hubspot(acme):
    return connect(acme, "acme-hubspot")


def connect(client, slug, provider="hubspot", **fields):
    fields = {"status": "connected", "kind": "oauth2", "environment": client.environments.first()} | fields
    return Connection.objects.create(slug=slug, client=client, provider_key=provider, **fields)


def write(connection, *, status=500, outcome=Outcome.UPSTREAM_ERROR, ago=timedelta(0), **fields):
    """Write one call as the gateway does, and return its row."""
    at = timezone.now() - ago
    record = CallRecord(
        id=uuid7(int(at.timestamp() * 1000)), at=at, client_id=connection.client_id,
        environment_id=connection.environment_id, connection_id=connection.pk, provider_key=connection.provider_key,
        status=status, outcome=outcome,
        **({"method": "GET", "host": "api.hubapi.com", "target": b"/crm/v3/objects/contacts/151", "attempts": 1,
            "token_name": "n8n", "caller_ip": "192.0.2.10", "total_ms": 84.0} | fields),
    )  # fmt: skip
    write_batch([record], [masked_row(record)])
    return Call.objects.get(pk=record.id)
