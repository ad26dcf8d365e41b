"""A described provider is kept once, written in the book, and told to every process."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from integrations.models import CustomProvider
from integrations.providers.described import describe
from integrations.providers.reading import BadFacts
from integrations.providers.registry import get_provider
from secrets_vault import generation
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, Client
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def described(client: Client | None = None, *, day: int = 1, **table: Any) -> tuple[CustomProvider, bool]:
    """Describe the CRM on a day in November."""
    table = {"base_url": "https://crm.test"} | table
    today = date(2026, 11, day)
    return describe(table, actor=COMMAND, key="custom-crm", name="CRM", client=client, today=today)


def test_it_is_kept_and_written_in_the_book(django_capture_on_commit_callbacks: Any) -> None:
    before = generation.current()
    with django_capture_on_commit_callbacks(execute=True):
        row, is_changed = described(make_client())
    event = AuditEvent.objects.get(action="provider.described")
    assert is_changed
    assert (event.details, event.client_id) == ({"key": "custom-crm", "host": "crm.test"}, row.client_id)
    assert generation.current() > before
    assert get_provider("custom-crm").name == "CRM"


def test_the_same_description_on_another_day_changes_nothing() -> None:
    described()
    assert described(day=2)[1] is False
    assert AuditEvent.objects.filter(action="provider.described").count() == 1


def test_another_address_is_a_change() -> None:
    described()
    assert described(base_url="https://crm2.test")[1] is True
    assert get_provider("custom-crm").allowed_hosts == ("crm2.test",)


def test_another_clients_provider_cannot_be_taken_over() -> None:
    described(make_client())
    with pytest.raises(BadFacts, match="another client"):
        described(make_client("globex"), base_url="https://evil.test")
    assert get_provider("custom-crm").base_url == "https://crm.test"


def test_a_key_of_the_catalogue_cannot_be_described() -> None:
    with pytest.raises(BadFacts, match="must start with custom-"):
        describe(
            {"base_url": "https://evil.test"},
            actor=COMMAND,
            key="hubspot",
            name="HubSpot",
            client=None,
            today=date(2026, 11, 1),
        )
