"""OAuth credentials of n8n: connections of their app, with the tokens that the file has or ready for a new consent."""

from __future__ import annotations

import copy
import io
import json

import pytest

from integrations.models import Connection, OAuthApp
from integrations.oauth.app import make_app
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, StoredSecret
from secrets_vault.secret import Secret
from tests.integrations.importing import files

pytestmark = pytest.mark.django_db
PASTE, PREVIEW = "/vault/import/", "/vault/import/preview/"
STORE = {"go": "store", "set_label": ".env", "is_age_unknown": "on"}
PARTS = ("made-up-secret", "made-up-access", "made-up-refresh")
HUBSPOT = files.N8N[1]


@pytest.fixture
def browser(browser_of, ada):
    return browser_of(ada)


@pytest.fixture
def read(browser, acme):
    def post(*rows):
        place = str(acme.environments.get(slug="production").pk)
        sent = {"place": place, "how": "each", "file": io.BytesIO(json.dumps(rows).encode())}
        return browser.post(PASTE, sent, follow=True).content.decode()

    return post


def chosen(act, provider="hubspot"):
    return {"act-0": act, "label-0": "HubSpot Acme", "provider-0": provider, "place-0": "acme/production"}


def test_with_tokens_it_is_a_connection_that_has_them(browser, read, log):
    page = read(HUBSPOT)
    assert "a connection, with its tokens" in page
    assert not [part for part in PARTS if part in page]
    assert browser.post(PREVIEW, STORE).status_code == 302
    connection = Connection.objects.get()
    assert (connection.kind, connection.provider_key, connection.status) == ("oauth2", "hubspot", "untested")
    assert (connection.oauth_app.client_id, connection.oauth_app.for_client.slug) == ("made-up-id", "acme")
    tokens = vault.use(connection.secret, actor=COMMAND, purpose="test")
    assert {name: value.expose() for name, value in tokens.items()} == {
        "access_token": "made-up-access", "refresh_token": "made-up-refresh",
    }  # fmt: skip
    told = repr(list(AuditEvent.objects.values())) + repr(list(OAuthApp.objects.values())) + log.getvalue()
    assert not [part for part in PARTS if part in told]


@pytest.mark.parametrize("has_tokens", [True, False])
def test_without_them_it_waits_for_a_consent(browser, read, has_tokens):
    row = copy.deepcopy(HUBSPOT)
    if not has_tokens:
        del row["data"]["oauthTokenData"]
    read(row)
    browser.post(PREVIEW, STORE | (chosen("connection") if has_tokens else {}))
    connection = Connection.objects.get()
    assert (connection.status, connection.secret, connection.oauth_app.client_id) == (
        "not_connected",
        None,
        "made-up-id",
    )
    assert not StoredSecret.objects.filter(kind="oauth_tokens").exists()


def test_two_of_one_app_share_it(browser, read):
    read(HUBSPOT, {**copy.deepcopy(HUBSPOT), "name": "HubSpot again"})
    browser.post(PREVIEW, STORE)
    assert (Connection.objects.count(), OAuthApp.objects.count()) == (2, 1)


def test_one_of_an_unknown_provider_stays_a_set(browser, read):
    read({**copy.deepcopy(HUBSPOT), "type": "nobodyKnowsOAuth2Api", "name": "Mystery"})
    browser.post(PREVIEW, STORE)
    assert (StoredSecret.objects.get().kind, Connection.objects.exists()) == ("key_value_set", False)


@pytest.mark.parametrize("provider", ["", "openai"])
def test_a_provider_without_consents_is_refused(browser, read, provider):
    read(HUBSPOT)
    answer = browser.post(PREVIEW, STORE | chosen("connection", provider))
    assert (answer.status_code, "somebody can consent" in answer.content.decode()) == (422, True)
    assert not Connection.objects.exists()


def test_another_item_cannot_be_made_a_connection(browser, read):
    read(files.N8N[0])
    answer = browser.post(PREVIEW, STORE | chosen("connection"))
    assert (answer.status_code, Connection.objects.exists()) == (422, False)


def test_an_app_of_a_name_that_is_taken_gets_another_name(browser, read, ada):
    """Names of apps are everybody's; "Google account" is what each n8n calls its own."""
    make_app("HubSpot Acme", "hubspot", client_id="another", client_secret=Secret("s" * 40), actor=COMMAND)
    read(HUBSPOT)
    assert browser.post(PREVIEW, STORE).status_code == 302
    assert sorted(OAuthApp.objects.values_list("name", flat=True)) == ["HubSpot Acme", "HubSpot Acme 2"]


def test_a_client_id_that_nobody_can_keep_is_refused_in_words(browser, read):
    row = copy.deepcopy(HUBSPOT)
    row["data"]["clientId"] = "x" * 400
    read(row)
    answer = browser.post(PREVIEW, STORE)
    assert (answer.status_code, Connection.objects.exists(), OAuthApp.objects.exists()) == (422, False, False)
