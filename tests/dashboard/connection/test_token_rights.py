"""A token held to what the scopes allow: proposed, never forced, and never wider than it says."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.models import Connection, GatewayToken
from tests.proving import prove

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(browser_of, ada):
    browser = browser_of(ada)
    prove(browser)
    return browser


@pytest.fixture
def consented(acme):
    """Return a function that gives a connection with these scopes."""

    def make(*scopes, slug="acme-hubspot", provider="hubspot"):
        return Connection.objects.create(
            slug=slug, client=acme, environment=acme.environments.first(), provider_key=provider, kind="oauth2",
            granted_scopes=list(scopes), status="connected",
        )  # fmt: skip

    return make


def url(connection):
    return reverse("dashboard:token_new", args=[connection.slug])


def test_paths_are_proposed_where_every_scope_has_some(manager, consented):
    page = manager.get(url(consented("oauth", "crm.objects.contacts.read")))
    assert page.context["form"]["only_rights"].value() is True
    assert "/crm/v3/objects/contacts/*" in page.content.decode()
    partly = manager.get(url(consented("crm.objects.contacts.read", "automation", slug="acme-partly")))
    assert partly.context["form"]["only_rights"].value() is False
    assert "1 scope without known paths" in partly.content.decode()


def test_nothing_is_proposed_where_nothing_is_known(manager, consented):
    page = manager.get(url(consented("automation"))).content.decode()
    assert "Only what these scopes allow" not in page


def test_the_token_holds_the_paths_of_its_scopes_and_those_typed(manager, consented):
    connection = consented("crm.lists.read")
    data = {"name": "n8n", "connections": [str(connection.pk)], "only_rights": "on", "paths": "/automation/*"}
    manager.post(url(connection), data)
    expected = ["/account-info/v3/details", "/crm/v3/lists", "/crm/v3/lists/*", "/crm/lists/*", "/automation/*"]
    assert GatewayToken.objects.get().paths == expected


def test_who_wants_every_path_gets_every_path(manager, consented):
    connection = consented("oauth", "crm.lists.read")
    manager.post(url(connection), {"name": "n8n", "connections": [str(connection.pk)]})
    assert GatewayToken.objects.get().paths == []


def test_a_connection_without_known_paths_is_not_shut_out_in_silence(manager, consented):
    known, other = consented("crm.lists.read"), consented("data.records:read", slug="acme-table", provider="airtable")
    data = {"name": "n8n", "connections": [str(known.pk), str(other.pk)], "only_rights": "on"}
    answer = manager.post(url(known), data)
    assert answer.status_code == 422
    assert "which paths acme-table may use" in answer.content.decode()
    assert not GatewayToken.objects.exists()
