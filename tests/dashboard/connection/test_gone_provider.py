"""A connection whose provider's description is gone: every page opens, nothing goes out, and it can be cleared away."""

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from integrations.links import make_link
from integrations.models import Connection, CustomProvider, LimitReading
from integrations.oauth.app import make_app
from integrations.providers.described import StillDescribes, forget
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.secret import Secret
from tests.dashboard.connecting.test_described import described
from tests.factories import make_client
from tests.proving import prove

pytestmark = pytest.mark.django_db
PAGE = "/connections/acme-fake/"


@pytest.fixture
def gone(connection, token):
    LimitReading.objects.create(
        connection_id=connection.pk,
        client_id=connection.client_id,
        bucket="minute",
        limit=10,
        remaining=1,
        read_at=timezone.now(),
    )
    CustomProvider.objects.all().delete()
    return connection


@pytest.mark.parametrize(
    "name", ["connection", "connection_n8n", "connection_links", "connection_credential", "token_new"]
)
def test_every_page_of_it_opens(browser_of, olive, gone, name):
    browser = browser_of(olive)
    prove(browser)
    assert browser.get(reverse(f"dashboard:{name}", args=[gone.slug])).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/connections/",
        "/clients/acme/",
        "/clients/acme/connections/",
        "/clients/acme/tokens/",
        "/limits/",
        "/errors/",
        "/calls/",
        "/rotations/",
        "/vault/",
        "/audit/",
        "/search/?q=fake",
        "/providers/",
        "/oauth-apps/",
        "/connections/new/?place=",
    ],
)
def test_every_list_that_names_it_opens(browser_of, olive, gone, url):
    assert browser_of(olive).get(url).status_code == 200


def test_the_page_says_what_is_so_and_what_to_do(browser_of, ada, gone):
    page = browser_of(ada).get(PAGE).content.decode()
    assert "The provider’s description is gone" in page
    assert "Describe the API" in page
    assert "Try it now" not in page


def test_what_would_call_it_says_why_it_does_not(browser_of, ada, gone):
    answer = browser_of(ada).post(f"{PAGE}probe/")
    assert answer.status_code == 409
    assert "nothing was sent" in answer.content.decode()


def test_it_can_be_disconnected_and_deleted(browser_of, ada, gone):
    browser = browser_of(ada)
    prove(browser)
    for path, data in (("disconnect/", {}), ("delete/", {"even_if_used": "yes"})):
        assert browser.post(f"{PAGE}{path}", data).status_code == 302
    assert not Connection.objects.exists()


@pytest.fixture
def consented(acme, olive):
    """An OAuth connection of a described provider that is gone."""
    urls = {"authorize_url": "https://id.weather.example/authorize", "token_url": "https://id.weather.example/token"}
    from integrations.providers.described import describe
    from tests.integrations.oauth.openid_world import ISSUER

    describe(
        {"base_url": "https://api.weather.example", **urls, "issuer": ISSUER},
        actor=SYSTEM,
        key="custom-weather",
        name="Weather",
        client=None,
        today=timezone.localdate(),
    )
    app = make_app("Weather", "custom-weather", client_id="c", client_secret=Secret("s" * 30), actor=SYSTEM)
    made = Connection.objects.create(
        slug="acme-weather",
        client=acme,
        environment=acme.environments.first(),
        provider_key="custom-weather",
        kind="oauth2",
        oauth_app=app,
    )
    _, address = make_link(made, actor=Actor.of(olive), now=timezone.now())
    CustomProvider.objects.all().delete()
    made.path = address.partition("8000")[2] or address
    return made


def test_a_consent_does_not_begin(browser_of, olive, consented):
    answer = browser_of(olive).post(reverse("integrations:start", args=[consented.slug]))
    assert answer.status_code == 409
    assert "Describe it again" in answer.content.decode()


@pytest.mark.parametrize("name", ["connection", "connection_links"])
def test_its_pages_open_too(browser_of, olive, consented, name):
    assert browser_of(olive).get(reverse(f"dashboard:{name}", args=[consented.slug])).status_code == 200
    assert browser_of(olive).get(f"/oauth-apps/{consented.oauth_app_id}/").status_code == 200


def test_the_clients_link_tells_the_client_in_plain_words(consented):
    browser = Browser(SERVER_NAME="localhost", SERVER_PORT="8000")
    assert browser.get(consented.path).status_code == 200
    answer = browser.post(consented.path, headers={"origin": "http://localhost:8000"})
    assert answer.status_code == 409
    assert "not by you" in answer.content.decode()


def test_a_description_in_use_is_not_deleted_and_its_users_are_named(browser_of, olive, ada, connection):
    row = CustomProvider.objects.get()
    page = browser_of(olive).post(f"/providers/{row.pk}/delete/", follow=True).content.decode()
    assert "is still used" in page
    assert "acme-fake" in page
    assert CustomProvider.objects.exists()
    with pytest.raises(StillDescribes):
        forget(row, actor=SYSTEM)


def test_a_description_that_nothing_uses_is_deleted(browser_of, olive):
    browser = browser_of(olive)
    browser.post("/providers/new/", described())
    row = CustomProvider.objects.get()
    assert "Delete this description?" in browser.get(f"/providers/{row.pk}/").content.decode()
    assert browser.post(f"/providers/{row.pk}/delete/")["Location"] == "/providers/"
    assert not CustomProvider.objects.exists()


def test_what_another_client_makes_of_it_is_counted_and_not_named(browser_of, olive, ada, acme):
    browser_of(ada).post("/providers/new/", described(owner="acme"))
    row = CustomProvider.objects.get()
    globex = make_client("globex")
    Connection.objects.create(
        slug="globex-weather",
        client=globex,
        environment=globex.environments.first(),
        provider_key=row.key,
        kind="api_key",
    )
    page = browser_of(ada).post(f"/providers/{row.pk}/delete/", follow=True).content.decode()
    assert "1 more" in page
    assert "globex" not in page
