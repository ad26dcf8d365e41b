"""An API whose key is exchanged for a token: described, connected, and given a new key, in the signed_in."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from integrations.models import Connection, CustomProvider
from integrations.providers.registry import get_provider
from secrets_vault.models import StoredSecret
from tests.dashboard.connecting.test_described import NEW, described
from tests.proving import prove

pytestmark = pytest.mark.django_db
EXCHANGE = {
    "exchange_url": "https://id.weather.example/auth",
    "exchange_way": "json",
    "exchange_body": "apiKey = {api_key}\n\nsecret = {api_secret}",
    "exchange_token_at": "access_token",
    "exchange_expires_at": "expires_in",
}
TYPED = {"value_api_key": "key-CANARY-1", "value_api_secret": "sec-CANARY-1", "is_age_unknown": "on", "draft": "d"}


@pytest.fixture
def signed_in(browser_of, olive):
    signed_in = browser_of(olive)
    prove(signed_in)
    return signed_in


@pytest.fixture
def weather(signed_in):
    assert signed_in.post(NEW, described(**EXCHANGE)).status_code == 302
    return CustomProvider.objects.get()


def step(place, **more):
    return "/connections/new/?" + urlencode({"place": place.pk, "provider": "custom-weather-api"} | more)


def test_it_is_described_and_shown_as_it_was_typed(signed_in, weather):
    oauth = get_provider("custom-weather-api").oauth
    assert (oauth.token_url, dict(oauth.exchange.body)) == (
        EXCHANGE["exchange_url"], {"apiKey": "{api_key}", "secret": "{api_secret}"}
    )  # fmt: skip
    page = signed_in.get(f"/providers/{weather.pk}/").content.decode()
    assert "apiKey = {api_key}\nsecret = {api_secret}" in page


def test_it_has_no_oauth_app_and_its_fields_read_as_words(signed_in, weather, production):
    assert "custom-weather-api" not in signed_in.get("/oauth-apps/new/").content.decode()
    assert "API secret" in signed_in.get(step(production, way="key_exchange")).content.decode()


def test_an_edit_keeps_what_the_form_does_not_ask_for(signed_in, weather):
    weather.facts["oauth"]["exchange"] |= {"dead_statuses": [400, 401], "headers": {"X-App": "keys"}}
    weather.save()
    form = described(**EXCHANGE | {"exchange_ttl_s": "900"})
    assert signed_in.post(f"/providers/{weather.pk}/", form).status_code == 302
    oauth = get_provider("custom-weather-api").oauth
    assert (oauth.exchange.dead_statuses, dict(oauth.exchange.headers)) == ((400, 401), {"X-App": "keys"})
    assert oauth.access_token_ttl_s == 900


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exchange_body": "apiKey"}, "Write one field a line"),
        ({"exchange_body": "a = {api_key}\na = {api_key}"}, "Write one field a line"),
        ({"exchange_body": ""}, "belong together"),
        ({"exchange_body": "k = {other}"}, "must hold {api_key}"),
        ({"exchange_url": "https://x.example/?key=1"}, "must not hold a query"),
        ({"exchange_ttl_s": "0"}, "greater than or equal to 1"),
        ({"authorize_url": "https://x.example/a", "token_url": "https://x.example/t"}, "two ways to a token"),
    ],
)
def test_what_is_wrong_with_it_is_said(signed_in, changes, words):
    answer = signed_in.post(NEW, described(**EXCHANGE | changes))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not CustomProvider.objects.exists()


def test_its_key_is_pasted_tried_and_never_shown(signed_in, weather, production, endpoint):
    page = signed_in.get(step(production)).content.decode()
    assert "Paste a key that is exchanged for a token" in page
    answer = signed_in.post(step(production, way="key_exchange"), TYPED)
    connection = Connection.objects.get()
    assert answer.url == f"/connections/{connection.slug}/"
    assert (connection.kind, connection.status) == ("key_exchange", "connected")
    page = signed_in.get(answer.url).content.decode() + signed_in.get(f"{answer.url}credential/").content.decode()
    assert "The key in the vault" in page
    assert "CANARY" not in page
    assert "at-1" not in page


def test_without_a_key_nothing_is_stored(signed_in, weather, production, endpoint):
    answer = signed_in.post(step(production, way="key_exchange"), TYPED | {"value_api_key": ""})
    assert answer.status_code == 422
    assert "CANARY" not in answer.content.decode()
    assert not Connection.objects.exists()
    assert not StoredSecret.objects.filter(kind="api_key").exists()


def test_a_new_key_is_stored_and_tried_at_once(signed_in, weather, production, endpoint):
    signed_in.post(step(production, way="key_exchange"), TYPED)
    connection = Connection.objects.get()
    answer = signed_in.post(f"/connections/{connection.slug}/credential/", {"api_key": "key-2", "api_secret": "sec-2"})
    assert answer.status_code == 302
    connection.refresh_from_db()
    assert connection.grant_secret.versions.count() == 2
    assert connection.status == "connected"


def test_where_a_second_value_goes_beside_its_token_each_has_a_form_of_its_own(signed_in, production, endpoint):
    signed_in.post(NEW, described(**EXCHANGE, inject_more="X-Application-Key: {application_key}"))
    signed_in.post(step(production, way="key_exchange"), TYPED | {"value_application_key": "app-CANARY-1"})
    connection = Connection.objects.get()
    page = f"/connections/{connection.slug}/credential/"
    assert 'name="api_secret"' in signed_in.get(page).content.decode()
    assert 'name="application_key"' in signed_in.get(f"{page}?what=beside").content.decode()
    assert signed_in.post(page, {"api_key": "key-2", "api_secret": "sec-2"}).status_code == 302
    connection.refresh_from_db()
    assert connection.grant_secret.versions.count() == 2
    assert connection.beside_secret.versions.count() == 1
