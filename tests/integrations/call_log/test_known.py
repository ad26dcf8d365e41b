"""Everything a client holds, and has held, is covered in its call log; nothing of another's is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from integrations.call_log.known import ClientValues
from integrations.call_log.record import CallRecord
from integrations.call_log.rows import masked_row
from integrations.models.call import Outcome
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.ids import uuid7
from secrets_vault.models import SecretField
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def store(client, value: str, **fields: str):
    named = {name: Secret(text) for name, text in fields.items()} or {"api_key": Secret(value)}
    kind = "basic" if "password" in fields else "api_key"
    environment = client.environments.first()
    return vault.store(actor=COMMAND, client=client, environment=environment, kind=kind, label="x", fields=named)


def logged(client, body: str, values: ClientValues) -> str:
    record = CallRecord(
        id=uuid7(),
        at=datetime(2026, 11, 22, tzinfo=UTC),
        client_id=client.pk,
        method="POST",
        outcome=Outcome.CLIENT_ERROR,
        target=b"/x",
        status=400,
        response_headers=[(b"content-type", b"text/plain")],
        response_body=body.encode(),
    )
    return masked_row(record, values.of([client.pk])[client.pk]).response_body


def test_another_secret_of_the_client_that_an_answer_repeats_is_covered():
    acme, values = make_client("acme"), ClientValues()
    store(acme, "quiet lake under stone")
    assert "quiet lake" not in logged(acme, "echo: quiet lake under stone!", values)


def test_an_old_version_is_covered_too_and_a_new_one_at_once():
    acme, values = make_client("acme"), ClientValues()
    stored = store(acme, "quiet lake under stone")
    logged(acme, "warm up", values)
    vault.replace(stored, {"api_key": Secret("loud river over sand")}, actor=COMMAND)
    text = logged(acme, "quiet lake under stone / loud river over sand", values)
    assert "quiet lake" not in text
    assert "loud river" not in text


def test_what_another_client_holds_is_not_looked_for():
    acme, other = make_client("acme"), make_client("other")
    store(other, "quiet lake under stone")
    assert "quiet lake under stone" in logged(acme, "echo: quiet lake under stone", ClientValues())


def test_a_user_name_and_a_short_value_are_no_secrets_everywhere():
    acme, values = make_client("acme"), ClientValues()
    store(acme, "", username="anna.smith.office", password="sea-7!")
    assert "anna.smith.office sea-7!" in logged(acme, "hello anna.smith.office sea-7!", values)


def test_an_unreadable_value_does_not_stop_the_log():
    acme, values = make_client("acme"), ClientValues()
    store(acme, "quiet lake under stone")
    SecretField.objects.update(blob=b"\x00" * 120)
    assert logged(acme, "plain text", values) == "plain text"
