"""A connection whose OAuth app is missing or refused says so, and leads to where it is mended."""

import pytest

from integrations.models import Connection, OAuthApp
from integrations.oauth.app import make_app
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret

pytestmark = pytest.mark.django_db
PAGE = "/connections/acme-hubspot/"
CHOOSE = "/connections/acme-hubspot/oauth-app/"


@pytest.fixture
def app(db):
    return make_app("Agency HubSpot", "hubspot", client_id="c", client_secret=Secret("s" * 30), actor=SYSTEM)


@pytest.fixture
def hubspot(acme, app):
    production = acme.environments.get(slug="production")
    return Connection.objects.create(
        slug="acme-hubspot", client=acme, environment=production, provider_key="hubspot", kind="oauth2", oauth_app=app
    )


def page(browser, url=PAGE):
    return browser.get(url).content.decode()


@pytest.mark.parametrize("status", ["not_connected", "connected", "failing", "needs_reconnecting", "untested"])
def test_every_connection_of_a_refused_app_leads_to_it(browser_of, olive, app, hubspot, status):
    OAuthApp.objects.update(is_broken=True, broken_code="invalid_client")
    Connection.objects.update(status=status, status_code="oauth_app_broken")
    shown = page(browser_of(olive))
    assert "HubSpot refuses the OAuth app" in shown
    assert "invalid_client" in shown
    assert f'<a class="btn primary" href="/oauth-apps/{app.pk}/">' in shown


def test_who_cannot_change_the_app_is_sent_to_the_owner(browser_of, ada, ben, app, hubspot):
    OAuthApp.objects.update(is_broken=True, broken_code="invalid_client")
    shown = page(browser_of(ada))
    assert "the owner can correct it" in shown
    assert f"/oauth-apps/{app.pk}/" not in shown
    assert "refuses the OAuth app" in page(browser_of(ben))
    assert "the owner can correct it" not in page(browser_of(ben))


def test_the_apps_page_names_its_connections_and_what_to_do(browser_of, olive, app, hubspot):
    OAuthApp.objects.update(is_broken=True, broken_code="invalid_client")
    shown = page(browser_of(olive), f"/oauth-apps/{app.pk}/")
    assert "HubSpot refuses this app (invalid_client)" in shown
    assert f'<a href="{PAGE}">' in shown
    OAuthApp.objects.update(is_broken=False)
    assert "Changed, and not proven yet" in page(browser_of(olive), f"/oauth-apps/{app.pk}/")
    assert "not proven" in page(browser_of(olive), "/oauth-apps/")


def test_a_missing_app_is_chosen_on_the_connections_page(browser_of, ada, app, hubspot):
    Connection.objects.update(oauth_app=None)
    shown = page(browser_of(ada))
    assert "An OAuth app is missing" in shown
    assert f'<option value="{app.pk}">Agency HubSpot</option>' in shown
    assert browser_of(ada).post(CHOOSE, {"app": str(app.pk)}).status_code == 302
    assert Connection.objects.get().oauth_app == app
    assert "Connect now" in page(browser_of(ada))
    assert "Nothing was changed" in browser_of(ada).post(CHOOSE, {"app": str(app.pk)}, follow=True).content.decode()


def test_where_there_is_no_app_yet_the_way_leads_to_making_one_and_back(browser_of, olive, hubspot):
    Connection.objects.update(oauth_app=None)
    OAuthApp.objects.all().delete()
    shown = page(browser_of(olive))
    way = "/oauth-apps/new/?provider=hubspot&amp;client=acme&amp;connection=acme-hubspot"
    assert f'<a class="btn primary" href="{way}">' in shown
    entered = {"name": "New", "owner": "-", "client_id": "c", "client_secret": "s" * 30, "scope_0": "required"}
    assert browser_of(olive).post(way.replace("&amp;", "&"), entered)["Location"] == PAGE
    assert "Use this OAuth app" in page(browser_of(olive))


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_nobody_else_chooses(browser_of, request, app, hubspot, who):
    Connection.objects.update(oauth_app=None)
    browser = browser_of(request.getfixturevalue(who))
    assert browser.post(CHOOSE, {"app": str(app.pk)}).status_code == 404
    assert "Use this OAuth app" not in browser.get(PAGE).content.decode()


@pytest.mark.parametrize("value", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_an_app_that_is_not_offered_is_not_taken(browser_of, ada, hubspot, value):
    Connection.objects.update(oauth_app=None)
    page = browser_of(ada).post(CHOOSE, {"app": value}, follow=True).content.decode()
    assert "Nothing was changed" in page
    assert Connection.objects.get().oauth_app is None
