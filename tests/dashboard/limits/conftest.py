"""One connection with calls in every window, and one whose answers say what they used."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from integrations.models import CallDay, CallHour, CallMinute, GatewayToken, PathHour, SpendDay
from integrations.models.usage import NANO
from tests.dashboard.errors.conftest import connect


@pytest.fixture
def hubspot(acme):
    return connect(acme, "acme-hubspot")


@pytest.fixture
def openai(acme):
    return connect(acme, "acme-openai", "openai", kind="api_key")


def make_token(client, name="Nightly sync", *connections, **fields):
    made = GatewayToken.objects.create(client=client, name=name, prefix="klg_", token_hash=name.encode(), **fields)
    made.connections.set(connections)
    return made


def count(connection, calls, *, ago=timedelta(minutes=5), token=None, failed=0, path="", method="GET"):
    """Count calls as the writer of the call log does, in minute, hour and day."""
    at = timezone.now() - ago
    whose = {"connection_id": connection.pk, "client_id": connection.client_id}
    counts = {"calls": calls, "failed": failed}
    caller = {"token_id": token.pk} if token else {}
    hour = at.replace(minute=0, second=0, microsecond=0)
    CallMinute.objects.create(minute=at.replace(second=0, microsecond=0), **whose, **counts, **caller)
    CallHour.objects.create(hour=hour, **whose, **counts, **caller)
    CallDay.objects.create(day=at.astimezone(UTC).date(), **whose, **counts, **caller)
    if path:
        PathHour.objects.create(hour=hour, method=method, path=path, **whose, **counts)


def spend(connection, dollars, *, model="gpt-5.4", day=None, **fields):
    return SpendDay.objects.create(
        connection_id=connection.pk, client_id=connection.client_id, model=model,
        day=day or datetime.now(UTC).date(), calls=3, input_tokens=1000, output_tokens=20,
        cost_nano=int(dollars * NANO), **fields,
    )  # fmt: skip
