"""Comparing without opening to anybody."""

from __future__ import annotations

import pytest

from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fields", "is_held"),
    [
        ({"username": "ada", "password": "x" * 20}, True),
        ({"username": "bob", "password": "x" * 20}, False),
        ({"username": "ada", "password": "x" * 19}, False),
        ({"password": "x" * 20}, False),
    ],
)
def test_a_secret_tells_whether_it_holds_exactly_these_values(fields, is_held):
    client = make_client()
    held = {"username": Secret("ada"), "password": Secret("x" * 20)}
    stored = vault.store(
        actor=COMMAND, client=client, environment=client.environments.first(), kind="basic", label="l", fields=held
    )
    events = AuditEvent.objects.count()
    assert vault.holds(stored, {name: Secret(value) for name, value in fields.items()}) is is_held
    assert AuditEvent.objects.count() == events
