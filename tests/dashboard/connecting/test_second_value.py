"""A provider that wants two values beside each other: asked for, kept, bound and sent."""

from urllib.parse import urlencode

import pytest

from integrations import outbound
from integrations.connections import probing
from integrations.models import Connection, CustomProvider
from integrations.providers.custom import custom_from
from secrets_vault.actor import SYSTEM
from secrets_vault.models import StoredSecret
from secrets_vault.vault import use
from tests.proving import prove

pytestmark = pytest.mark.django_db
PLACE = {
    "in": "header",
    "name": "DD-API-KEY",
    "more": [
        {"in": "header", "name": "DD-APPLICATION-KEY", "template": "{application_key}"},
        {"in": "header", "name": "DD-TEAM", "template": "{team_key}"},
    ],
}
FIELDS = [
    {"name": "api_key", "words": "Datadog key"},
    {"name": "application_key", "words": "Application key"},
    {"name": "team_key", "words": "Team key", "is_optional": True},
]
FIRST, SECOND = "dd-CANARY-0000000001", "app-CANARY-0000000002"


@pytest.fixture
def sent(monkeypatch):
    """Keep what the probe sends."""
    calls = []

    def send(method, url, *, headers, **_):
        calls.append(dict(headers))
        return outbound.Answer(200, (), b"{}")

    monkeypatch.setitem(probing.probe.__kwdefaults__, "send", send)
    return calls


@pytest.fixture
def address(acme, production, db):
    """Return the last step of the wizard for a described provider with two values."""
    from datetime import date

    facts = custom_from(
        {"base_url": "https://api.dog.test"},
        key="custom-dog",
        name="Dog",
        today=date(2026, 11, 22),
        injections={"api_key": PLACE},
        credential_fields=FIELDS,
        probe={"method": "GET", "path": "/validate"},
    )
    CustomProvider.objects.create(key="custom-dog", name="Dog", client=acme, facts=facts)
    return "/connections/new/?" + urlencode({"place": production.pk, "provider": "custom-dog", "way": "api_key"})


def test_the_wizard_asks_for_both_in_the_providers_words_and_the_probe_sends_them(browser_of, ada, address, sent):
    browser = browser_of(ada)
    page = browser.get(address).content.decode()
    assert [words in page for words in ("Datadog key", "Application key", "Team key")] == [True] * 3
    typed = {"value_api_key": FIRST, "value_application_key": SECOND, "is_age_unknown": "on", "is_warned": "on"}
    lacking = browser.post(address, {**typed, "value_application_key": ""})
    assert (lacking.status_code, Connection.objects.count()) == (422, 0)
    done = browser.post(address, typed, follow=True)
    assert done.status_code == 200
    connection = Connection.objects.get()
    assert connection.secret.policy["slots"] == ["header:dd-api-key", "header:dd-application-key", "header:dd-team"]
    assert sent[-1][b"DD-API-KEY"] == FIRST.encode()
    assert sent[-1][b"DD-APPLICATION-KEY"] == SECOND.encode()
    assert b"DD-TEAM" not in sent[-1]
    assert "CANARY" not in done.content.decode()


def test_a_new_version_asks_for_both_again(browser_of, ada, address, sent):
    browser = browser_of(ada)
    typed = {"value_api_key": FIRST, "value_application_key": SECOND, "is_age_unknown": "on", "is_warned": "on"}
    browser.post(address, typed)
    connection = Connection.objects.get()
    prove(browser)
    where = f"/connections/{connection.slug}/credential/"
    assert "Application key" in browser.get(where).content.decode()
    browser.post(where, {"api_key": FIRST + "x", "application_key": SECOND + "x", "team_key": "team-CANARY-3"})
    connection.refresh_from_db()
    kept = {name: value.expose() for name, value in use(connection.secret, actor=SYSTEM, purpose="test").items()}
    assert kept == {"api_key": FIRST + "x", "application_key": SECOND + "x", "team_key": "team-CANARY-3"}
    assert sent[-1][b"DD-TEAM"] == b"team-CANARY-3"
    page = browser.get(f"/vault/{connection.secret_id}/replace/").content.decode()
    assert "Application key" in page


def test_the_vaults_form_asks_for_what_the_chosen_provider_wants(browser_of, ada, acme):
    browser, production = browser_of(ada), acme.environments.first()
    page = browser.get("/vault/new/?kind=api_key&provider=trello").content.decode()
    assert "value_key" in page
    typed = {"place": str(production.pk), "provider_key": "trello", "is_age_unknown": "on", "value_api_key": "e" * 64}
    refused = browser.post("/vault/new/?kind=api_key", typed)
    assert refused.status_code == 422
    assert "Trello wants this too. Paste each value once more: none is written back." in refused.content.decode()
    assert "e" * 64 not in refused.content.decode()
    stored = browser.post("/vault/new/?kind=api_key", typed | {"value_key": "a" * 32, "is_warned": "on"})
    assert stored.status_code == 302
    secret = StoredSecret.objects.get(kind="api_key")
    assert {field.name for field in secret.current.fields.all()} == {"api_key", "key"}
