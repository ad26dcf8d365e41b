"""A new connection, step by step."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from integrations import outbound
from integrations.connections import probing
from integrations.models import ClientLink, Connection, CustomProvider
from integrations.oauth.app import make_app
from integrations.providers.custom import custom_from
from integrations.providers.parts import NotYet
from integrations.providers.registry import all_providers, catalogue, get_provider
from secrets_vault.actor import SYSTEM
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret
from tests.dashboard.connecting.conftest import APP_SECRET, READ, WRITE
from tests.factories import make_client

pytestmark = pytest.mark.django_db
LIVE = "sk_" + "live_" + "51AbCdEfGhIjKlMnOpQrStUvWx"


def step(place="", **more):
    return "/connections/new/?" + urlencode({"place": getattr(place, "pk", place)} | more)


@pytest.fixture
def ada_browser(browser_of, ada):
    return browser_of(ada)


@pytest.fixture
def no_network(monkeypatch):
    def unreachable(*_, **__):
        raise outbound.Unreachable("no network in a test")

    monkeypatch.setitem(probing.probe.__kwdefaults__, "send", unreachable)


def test_the_first_step_offers_what_one_manages_and_nothing_else(ada_browser, acme):
    make_client("zed", name="Zed Inc")
    page = ada_browser.get("/connections/new/").content.decode()
    assert "Acme · production" in page
    assert "Zed" not in page


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_manages_nothing_is_told_what_is_missing(request, browser_of, acme, production, who):
    browser = browser_of(request.getfixturevalue(who))
    assert "Add a client first" in browser.get("/connections/new/").content.decode()
    assert "Which service" not in browser.get(step(production)).content.decode()
    assert browser.post(step(production, provider="stripe", way="api_key"), {}).status_code == 200
    assert not Connection.objects.exists()


@pytest.mark.parametrize("place", ["", "x", "01890000-0000-7000-8000-000000000000"])
def test_an_address_that_names_no_place_begins_at_the_beginning(ada_browser, place):
    assert "Whose is it?" in ada_browser.get(step(place)).content.decode()


def test_the_picker_shows_the_services_the_ones_used_lately_first(ada_browser, production, hubspot):
    page = ada_browser.get(step(production)).content.decode()
    assert page.index("provider=hubspot") < page.index("provider=airtable")
    assert "used lately" in page
    assert "Any HTTP API" in page


@pytest.mark.parametrize("text", ["strip", "https://api.stripe.com/v1/charges", LIVE])
def test_a_service_is_found_by_name_address_or_pasted_key(ada_browser, production, text):
    answer = ada_browser.post(f"/connections/new/find/?place={production.pk}", {"q": text})
    page = answer.content.decode()
    assert "provider=stripe" in page
    assert "provider=hubspot" not in page
    assert LIVE not in page


def test_the_picker_shows_sixty_and_all_on_request(ada_browser, production, hubspot):
    some = ada_browser.get(step(production)).content.decode()
    assert some.count('class="pick"') == 61
    assert "Show all 18" in some
    everything = ada_browser.get(step(production, all="yes")).content.decode()
    assert everything.count('class="pick"') > 175
    assert "provider=zoom" in everything


@pytest.fixture
def no_tiktok(monkeypatch):
    """Take from TikTok every way in: each service of the catalogue has one."""
    why = NotYet("OAuth 2", "It calls the client id client_key.")
    closed = replace(get_provider("tiktok"), injections={}, oauth=None, not_yet=(why,), unconfirmed=())
    monkeypatch.setitem(catalogue()._read, "tiktok", closed)
    all_providers.cache_clear()
    yield
    all_providers.cache_clear()


def test_what_cannot_be_connected_yet_says_why_and_is_no_link(ada_browser, production, no_tiktok):
    page = ada_browser.post(f"/connections/new/find/?place={production.pk}", {"q": "tiktok"}).content.decode()
    assert "Not supported yet." in page
    assert "client_key" in page
    assert "provider=tiktok&quot;" not in page
    assert "provider=tiktok&amp;" not in page
    assert 'provider=tiktok"' not in page
    page = ada_browser.get(step(production, provider="tiktok")).content.decode()
    assert "TikTok cannot be connected yet" in page
    assert 'name="way"' not in page


def test_a_pasted_key_is_named_and_not_written_back(ada_browser, production):
    page = ada_browser.post(f"/connections/new/find/?place={production.pk}", {"q": LIVE}).content.decode()
    assert "This looks like Stripe: secret or restricted key for real payments" in page
    assert LIVE not in page


def test_a_service_says_what_nobody_confirms(ada_browser, production):
    page = ada_browser.get(step(production, provider="trello")).content.decode()
    assert "Several sources agree" in page
    assert "Not confirmed" in page
    assert "what a credential looks like" in page
    assert "NangoHQ/nango" in page
    assert "<code>api.trello.com</code>" in page
    assert "Not supported yet" in page
    described = ada_browser.get(step(production, provider="stripe")).content.decode()
    assert "own pages or SDK confirm" in described


def test_an_unknown_api_is_described_with_the_address_that_was_pasted(ada_browser, production):
    pasted = "https://user:hunter2@api.example.com/v2?api_key=abc"
    page = ada_browser.post(f"/connections/new/find/?place={production.pk}", {"q": pasted}).content.decode()
    assert "base_url=https%3A%2F%2Fapi.example.com%2Fv2" in page
    assert "hunter2" not in page
    assert "api_key=abc" not in page


def test_htmx_gets_the_tiles_alone(ada_browser, production):
    answer = ada_browser.post(
        f"/connections/new/find/?place={production.pk}", {"q": "x"}, headers={"HX-Request": "true"}
    )
    assert b"<html" not in answer.content
    assert b'id="tiles"' in answer.content


def test_without_an_oauth_app_the_way_to_one_is_shown(ada_browser, production):
    page = ada_browser.get(step(production, provider="hubspot")).content.decode()
    assert "needs an OAuth app first" in page
    assert "Paste a token or key I have" in page
    assert "Whose" not in page


def test_another_clients_own_app_is_not_offered(ada_browser, production, app):
    app.for_client = make_client("zed")
    app.save()
    assert "needs an OAuth app first" in ada_browser.get(step(production, provider="hubspot")).content.decode()


def test_rights_are_in_plain_words_and_required_ones_cannot_be_unticked(ada_browser, production, app):
    page = ada_browser.get(step(production, provider="hubspot", way="link")).content.decode()
    assert "Read contacts" in page
    assert "Create and change contacts" in page
    assert page.count("always asked for") == 2
    assert f'value="{WRITE}" checked' not in page
    assert APP_SECRET not in page


def test_connecting_now_makes_the_connection_and_leads_to_the_provider(ada_browser, production, app):
    data = {"scopes": [WRITE], "expected_account_id": "24680135", "label": "Acme CRM"}
    answer = ada_browser.post(step(production, provider="hubspot", way="now"), data)
    made = Connection.objects.get()
    assert (answer.status_code, answer["Location"]) == (307, f"/oauth/start/{made.slug}/")
    assert made.requested_scopes == ["oauth", READ, WRITE]
    assert (made.expected_account_id, made.label, made.status) == ("24680135", "Acme CRM", "not_connected")
    page = ada_browser.post(answer["Location"], data).content.decode()
    assert "https://app.hubspot.com/oauth/authorize?" in page


def test_a_scope_that_is_not_the_apps_is_refused(ada_browser, production, app):
    answer = ada_browser.post(step(production, provider="hubspot", way="now"), {"scopes": ["crm.export"]})
    assert answer.status_code == 422
    assert not Connection.objects.exists()


def test_a_connect_link_is_shown_once(ada_browser, production, app):
    terms = {"days": "3", "sent_to": "office@acme.example", "language": "de"}
    answer = ada_browser.post(step(production, provider="hubspot", way="link"), terms)
    link = ClientLink.objects.get()
    assert (link.sent_to, link.language) == ("office@acme.example", "de")
    assert round((link.expires_at - link.created_at).total_seconds() / 86400) == 3
    first = ada_browser.get(answer["Location"]).content.decode()
    assert "/connect/" in first
    assert "Mailed to office@acme.example" in first
    assert "Only this computer can reach this" in first
    assert 'data-copy="' not in ada_browser.get(answer["Location"]).content.decode()


def test_one_form_makes_one_connection_however_often_it_is_sent(ada_browser, production, app):
    terms = {"days": "3", "language": "en", "draft": "0123456789abcdef"}
    for _ in range(2):
        assert ada_browser.post(step(production, provider="hubspot", way="link"), terms).status_code == 302
    assert Connection.objects.count() == 1


def test_what_there_is_already_is_named(ada_browser, production, hubspot):
    page = ada_browser.get(step(production, provider="hubspot")).content.decode()
    assert "Acme has HubSpot in production already" in page


def paste(**more):
    return {"value_api_key": LIVE, "is_age_unknown": "on", "owner_name": "Ada"} | more


def test_a_pasted_key_is_stored_bound_and_tried(ada_browser, production, no_network):
    answer = ada_browser.post(step(production, provider="stripe", way="api_key"), paste(label="Acme Stripe"))
    assert answer.status_code == 302
    made, stored = Connection.objects.get(), StoredSecret.objects.get(kind="api_key")
    assert (made.secret_id, made.kind, made.status) == (stored.pk, "api_key", "untested")
    assert stored.policy["hosts"] == ["api.stripe.com"]
    assert "tried with a harmless call" in ada_browser.get("/connections/").content.decode()


def test_a_live_key_in_staging_is_warned_of_and_never_written_back(ada_browser, acme, no_network):
    address = step(acme.environments.get(slug="staging"), provider="stripe", way="api_key")
    answer = ada_browser.post(address, paste())
    assert answer.status_code == 422
    assert "live key" in answer.content.decode()
    assert LIVE not in answer.content.decode()
    assert not Connection.objects.exists()
    assert ada_browser.post(address, paste(is_warned="on")).status_code == 302


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"value_api_key": "sk_live_with\nbreak0123456789", "is_warned": "on"}, "line break"),
        ({"is_age_unknown": ""}, "Not known"),
        ({"var_connected_account": "nonsense"}, "does not look like Connected account"),
        ({"value_api_key": ""}, "required"),
    ],
)
def test_bad_input_is_explained_and_nothing_is_stored(ada_browser, production, no_network, data, words):
    answer = ada_browser.post(step(production, provider="stripe", way="api_key"), paste(**data))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Connection.objects.exists()
    assert not StoredSecret.objects.exists()


def test_a_part_of_the_address_that_differs_is_asked_for(ada_browser, production):
    page = ada_browser.get(step(production, provider="stripe", way="api_key")).content.decode()
    assert "Connected account" in page


def test_a_described_api_is_picked_like_any_other_by_its_client_alone(ada_browser, browser_of, olive, production):
    zed = make_client("zed")
    facts = custom_from(
        {"base_url": "https://api.example.com"},
        key="custom-zed",
        name="Zed API",
        today=production.client.created_at.date(),
    )
    CustomProvider.objects.create(key="custom-zed", name="Zed API", client=zed, facts=facts)
    assert "Zed API" not in ada_browser.get(step(production)).content.decode()
    assert "Which service" in ada_browser.get(step(production, provider="custom-zed")).content.decode()
    assert "Zed API" in browser_of(olive).get(step(zed.environments.first())).content.decode()


def test_the_consent_page_is_not_left_when_the_app_is_broken(ada_browser, production, app):
    app.is_broken = True
    app.save()
    answer = ada_browser.post(step(production, provider="hubspot", way="now"), {}, follow=True)
    assert answer.status_code == 409
    assert "refuses the OAuth app itself" in answer.content.decode()


def test_a_provider_whose_login_host_has_a_usual_value_leads_to_it(ada_browser, production):
    make_app(
        "Agency Salesforce",
        "salesforce",
        client_id="consumer-key",
        client_secret=Secret(APP_SECRET),
        actor=SYSTEM,
        required_scopes=["api", "refresh_token"],
    )
    data = {"var_login_host": "login.salesforce.com"}
    answer = ada_browser.post(step(production, provider="salesforce", way="now"), data, follow=True)
    assert "https://login.salesforce.com/services/oauth2/authorize?" in answer.content.decode()


def host_app(provider):
    return make_app(
        "Agency app",
        provider,
        client_id="consumer-key",
        client_secret=Secret(APP_SECRET),
        actor=SYSTEM,
        required_scopes=["api"],
    )


def test_an_app_is_used_at_a_login_host_of_the_customers_own(ada_browser, production):
    host_app("salesforce")
    data = {"var_login_host": "acme.my.salesforce.com"}
    answer = ada_browser.post(step(production, provider="salesforce", way="now"), data, follow=True)
    assert "https://acme.my.salesforce.com/services/oauth2/authorize?" in answer.content.decode()


def test_a_host_that_the_app_is_not_bound_to_is_explained(ada_browser, production):
    host_app("gitlab")
    data = {"var_host": "git.acme.example"}
    answer = ada_browser.post(step(production, provider="gitlab", way="now"), data, follow=True)
    assert answer.status_code == 409
    assert "may not go to" in answer.content.decode()
