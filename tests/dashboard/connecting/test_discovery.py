"""The issuer fills the form in; a person looks at it and stores it."""

import json

import pytest

from integrations.models import CustomProvider
from integrations.providers.registry import get_provider
from tests.dashboard.connecting.test_described import NEW, described
from tests.fake_upstream import FakeUpstream
from tests.integrations.gateway.test_behaviour import answered

pytestmark = pytest.mark.django_db


@pytest.fixture
def issuer(settings):
    with FakeUpstream() as fake:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [fake.host]
        table = {
            "issuer": fake.url,
            "authorization_endpoint": f"{fake.url}/authorize",
            "token_endpoint": f"{fake.url}/token",
            "jwks_uri": f"{fake.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        }
        fake.answers = [answered(200, body=json.dumps(table).encode())]
        yield fake


def typed(issuer, **more):
    return described(issuer=f" {issuer.url} ", discover="yes") | more


def form_of(answer):
    form = answer.context["form"]
    return {name: form[name].value() for name in form.fields}


def test_the_issuer_fills_the_form_in_and_nothing_is_stored(browser_of, olive, issuer):
    answer = browser_of(olive).post(NEW, typed(issuer))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Filled in, not stored yet" in page
    shown = form_of(answer)
    assert shown["token_url"] == f"{issuer.url}/token"
    assert (shown["name"], shown["base_url"], shown["allowed_hosts"]) == (
        "Weather API",
        "https://api.weather.example/v2/",
        "files.weather.example",
    )
    assert (shown["token_auth_method"], shown["requires_iss"], shown["issuer"]) == (
        "client_secret_basic",
        True,
        issuer.url,
    )
    assert not CustomProvider.objects.exists()


def test_what_was_filled_in_is_stored_by_the_next_press(browser_of, olive, issuer):
    browser = browser_of(olive)
    shown = form_of(browser.post(NEW, typed(issuer)))
    kept = {name: value for name, value in shown.items() if value not in (None, False)}
    assert browser.post(NEW, kept | {"default_scopes": "openid read"}).status_code == 302
    oauth = get_provider("custom-weather-api").oauth
    assert (oauth.issuer, oauth.jwks_url, oauth.requires_iss) == (issuer.url, f"{issuer.url}/keys", True)
    assert (oauth.token_auth_method, oauth.id_token_algs) == ("client_secret_basic", ("RS256",))
    assert oauth.verifies_id_tokens


def test_an_issuer_that_does_not_answer_well_leaves_the_form_as_it_was(browser_of, olive, issuer):
    issuer.answers = [answered(302, b"Location: http://169.254.169.254/")]
    answer = browser_of(olive).post(NEW, typed(issuer, token_url="https://typed.example/token"))
    page = answer.content.decode()
    assert "Nothing was filled in" in page
    assert "redirect" in page
    assert form_of(answer)["token_url"] == "https://typed.example/token"


def test_a_description_is_filled_in_again_when_it_is_edited(browser_of, olive, issuer):
    browser = browser_of(olive)
    browser.post(NEW, described())
    row = CustomProvider.objects.get()
    answer = browser.post(f"/providers/{row.pk}/", typed(issuer))
    assert form_of(answer)["token_url"] == f"{issuer.url}/token"
    assert get_provider(row.key).oauth is None


def test_enter_stores_and_does_not_ask_the_issuer(browser_of, olive):
    page = browser_of(olive).get(NEW).content.decode()
    form = page[page.index('<form method="post" class="cols">') :]
    assert form.index("<button hidden>") < form.index('name="discover"')


def test_openid_without_a_key_address_is_refused_in_plain_words(browser_of, olive):
    urls = {"authorize_url": "https://id.weather.example/authorize", "token_url": "https://id.weather.example/token"}
    answer = browser_of(olive).post(NEW, described(**urls, default_scopes="openid read"))
    assert answer.status_code == 422
    assert "whose account it is" in str(answer.context["form"].errors["default_scopes"])


@pytest.mark.parametrize("more", [{"jwks_url": "nonsense"}, {"id_token_algs": "HS256"}, {"id_token_algs": "none"}])
def test_keys_and_algorithms_that_prove_nothing_are_refused(browser_of, olive, more):
    urls = {"authorize_url": "https://id.weather.example/authorize", "token_url": "https://id.weather.example/token"}
    answer = browser_of(olive).post(NEW, described(**urls, issuer="https://id.weather.example", **more))
    assert answer.status_code == 422
    assert not CustomProvider.objects.exists()


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_nobody_else_has_an_issuer_asked(browser_of, request, issuer, who):
    assert browser_of(request.getfixturevalue(who)).post(NEW, typed(issuer)).status_code == 404
    assert issuer.requests == []
