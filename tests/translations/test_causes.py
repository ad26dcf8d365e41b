"""Causes are kept in English and shown in the reader's language; mails are written in theirs from the start."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import translation

from integrations import alerts
from integrations.causes import explain
from integrations.causes.saying import in_words
from integrations.causes.table import rows
from integrations.models import Connection, Message
from integrations.providers.registry import get_provider
from tests.factories import make_client, make_user

TEXTS = sorted({
    text for group in rows().values() for row in group
    for text in (row.title, row.cause, row.remedy, row.cause_without) if text
})  # fmt: skip


def filled(text: str) -> str:
    return text.replace("{provider}", "HubSpot").replace("{found}", "first: name").replace("{status}", "418")


def test_every_kept_text_is_found_again_and_said_in_german():
    with translation.override("de"):
        for text in TEXTS:
            assert in_words(filled(text)) == filled(translation.gettext(text)), text
            assert in_words(filled(text)) != filled(text), text


def test_what_is_kept_is_english_whoever_asks():
    with translation.override("de"):
        cause = explain("hubspot", 429)
        assert cause.title == "Too many calls (429)"
        assert in_words(cause.title) == "Zu viele Aufrufe (429)"


def test_an_unknown_cause_and_an_unknown_provider_are_said_in_german_too():
    with translation.override("de"):
        cause = explain("custom-nobody", 418)
        assert in_words(cause.title) == "Unbekannte Ursache (418)"
        assert in_words(cause.cause).startswith("Der Anbieter antwortete 418.")


def test_a_text_that_no_row_says_stays_as_it_is():
    with translation.override("de"):
        assert in_words("Somebody's own words") == "Somebody's own words"
    assert in_words("Too many calls (429)") == "Too many calls (429)"


def test_a_scope_is_said_in_german():
    with translation.override("de"):
        assert get_provider("hubspot").words_for_scope("crm.objects.contacts.read") == "Kontakte lesen"


@pytest.mark.django_db
def test_everybody_is_told_in_their_own_language():
    make_user("Olga", is_owner=True, language="de")
    make_user("Otto", is_owner=True)
    client = make_client("acme")
    connection = Connection.objects.create(
        slug="acme-hubspot", client=client, environment=client.environments.first(), provider_key="hubspot",
        kind="oauth2", label="CRM",
    )  # fmt: skip
    alerts.needs_reconnecting(connection, code="invalid_grant", now=datetime(2026, 11, 22, 9, tzinfo=UTC))
    told = {message.user.name: message for message in Message.objects.select_related("user")}
    assert "muss neu verbunden werden" in told["Olga"].subject
    assert "Was zu tun ist:" in told["Olga"].body
    assert "needs reconnecting" in told["Otto"].subject
