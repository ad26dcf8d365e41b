"""How long sending many calls takes at the limits that are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import tokens
from integrations.gateway.held.plan import Limit, lane_s, plan
from integrations.models import CallHour, Connection, HeldCall, LimitReading
from secrets_vault.actor import SYSTEM
from tests.factories import make_client, make_held_call


@pytest.mark.parametrize(
    ("calls", "limits", "takes_s", "least_s", "seconds"),
    [
        (10, [], 0.5, 0.0, 5.0),
        (10, [Limit(100, 10)], 0.01, 0.0, 0.1),
        (380, [Limit(190, 10)], 0.01, 0.0, 10.0),
        (380, [Limit(190, 10, left=0)], 0.01, 0.0, 20.0),
        (381, [Limit(190, 10)], 0.01, 0.0, 20.0),
        (50, [Limit(190, 10), Limit(40, 86_400, left=40)], 0.01, 0.0, 86_400.0),
        (10, [], 0.01, 30.0, 30.0),
    ],
)
def test_a_lane_takes_as_long_as_its_tightest_limit(calls, limits, takes_s, least_s, seconds):
    assert lane_s(calls, limits, takes_s=takes_s, least_s=least_s) == pytest.approx(seconds)


@pytest.mark.django_db
def test_the_sentence_counts_calls_clients_and_seconds_at_the_known_limits():
    now = timezone.now()
    for slug, calls in (("acme", 12), ("beta", 5)):
        client = make_client(slug)
        connection = Connection.objects.create(
            slug=f"{slug}-crm",
            client=client,
            environment=client.environments.first(),
            provider_key="hubspot",
            kind="bearer",
            status="connected",
        )
        token, _ = tokens.make(client, "n8n", [connection], actor=SYSTEM)
        for _each in range(calls):
            make_held_call(connection, token)
        CallHour.objects.create(connection_id=connection.pk, client_id=client.pk, hour=now, calls=10, total_ms=2000.0)
    assert str(plan(HeldCall.objects.all(), now=now)) == "17 calls, 2 clients, about 3 s"
    acme = Connection.objects.get(slug="acme-crm")
    LimitReading.objects.create(
        connection_id=acme.pk,
        client_id=acme.client_id,
        bucket="burst",
        limit=4,
        remaining=4,
        window_s=20,
        resets_at=now + timedelta(seconds=9),
        read_at=now,
        source="headers",
    )
    assert str(plan(HeldCall.objects.all(), now=now)) == "17 calls, 2 clients, about 40 s at your limits"
