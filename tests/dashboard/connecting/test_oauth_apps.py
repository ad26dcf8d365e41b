"""OAuth apps: entered, corrected, never shown again."""

from datetime import date

import pytest

from integrations.models import OAuthApp
from secrets_vault import vault
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.dashboard.connecting.conftest import APP_SECRET, READ, WRITE
from tests.factories import make_client

pytestmark = pytest.mark.django_db
NEW = "/oauth-apps/new/?provider=hubspot"


def entered(**more):
    data = {"name": "HubSpot", "owner": "-", "client_id": "  abc ", "client_secret": APP_SECRET}
    return data | {"scope_0": "required", "scope_2": "optional", "more_optional": "crm.export, crm.import"} | more


def test_the_agencys_app_is_stored_sealed_with_its_scopes(browser_of, olive):
    assert browser_of(olive).post(NEW, entered()).status_code == 302
    app = OAuthApp.objects.get()
    assert (app.for_client, app.client_id, app.provider_key) == (None, "abc", "hubspot")
    assert (app.required_scopes, app.optional_scopes) == (["oauth"], [WRITE, "crm.export", "crm.import"])
    assert vault.holds(app.secret, {"client_secret": Secret(APP_SECRET)})
    assert APP_SECRET.encode() not in bytes(app.secret.current.fields.get().blob)
    assert app.secret.current.made_on is None


def test_a_client_secret_counts_its_age_from_the_day_that_was_told(browser_of, olive):
    browser = browser_of(olive)
    assert browser.post(NEW, entered(made_on="2026-03-02")).status_code == 302
    app = OAuthApp.objects.get()
    assert app.secret.current.made_on == date(2026, 3, 2)
    changed = entered(client_secret="another-secret-0123", made_on="2026-08-09")
    assert browser.post(f"/oauth-apps/{app.pk}/", changed).status_code == 302
    app.secret.refresh_from_db()
    assert app.secret.current.made_on == date(2026, 8, 9)


def test_a_client_secret_is_in_no_page(browser_of, olive, app):
    browser = browser_of(olive)
    for address in ("/oauth-apps/", f"/oauth-apps/{app.pk}/", NEW):
        assert APP_SECRET not in browser.get(address).content.decode()
    refused = browser.post(NEW, entered(client_id=""))
    assert refused.status_code == 422
    assert APP_SECRET not in refused.content.decode()


def test_the_page_says_what_to_paste_and_tick_at_the_provider(browser_of, olive):
    page = browser_of(olive).get(NEW).content.decode()
    assert "http://localhost:8000/oauth/callback" in page
    assert "Only this computer can reach this" in page
    assert "required or optional" in page
    assert "Paste the redirect URL shown here." in page


def test_a_manager_enters_an_app_for_their_own_client_only(browser_of, ada, acme):
    zed, browser = make_client("zed"), browser_of(ada)
    for owner in ("-", zed.slug):
        assert browser.post(NEW, entered(owner=owner)).status_code == 422
    assert browser.post(NEW, entered(owner="acme")).status_code == 302
    assert OAuthApp.objects.get().for_client == acme


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_manages_nothing_enters_none(request, browser_of, acme, who):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get(NEW).status_code == 404
    assert browser.post(NEW, entered(owner="acme")).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("olive", 200), ("ada", 404), ("ben", 404), ("cora", 404)])
def test_the_agencys_app_is_the_owners_affair(request, browser_of, app, acme, who, status):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get(f"/oauth-apps/{app.pk}/").status_code == status
    assert ("Agency HubSpot" in browser.get("/oauth-apps/").content.decode()) is (status == 200)


@pytest.mark.parametrize(("who", "status"), [("olive", 200), ("ada", 200), ("ben", 404), ("cora", 404)])
def test_a_clients_own_app_is_changed_by_who_manages_the_client(request, browser_of, app, acme, who, status):
    OAuthApp.objects.filter(pk=app.pk).update(for_client=acme)
    assert browser_of(request.getfixturevalue(who)).get(f"/oauth-apps/{app.pk}/").status_code == status


def test_an_app_is_corrected_and_its_secret_stays_unless_a_new_one_is_typed(browser_of, olive, app):
    browser, at = browser_of(olive), f"/oauth-apps/{app.pk}/"
    OAuthApp.objects.filter(pk=app.pk).update(is_broken=True, broken_code="invalid_client")
    assert browser.post(at, entered(client_secret="", scope_1="required")).status_code == 302
    app.refresh_from_db()
    assert (app.name, app.required_scopes, app.is_broken) == ("HubSpot", ["oauth", READ], False)
    assert vault.holds(app.secret, {"client_secret": Secret(APP_SECRET)})
    assert browser.post(at, entered(client_secret="another-secret-0123")).status_code == 302
    app.secret.refresh_from_db()
    assert vault.holds(app.secret, {"client_secret": Secret("another-secret-0123")})
    assert AuditEvent.objects.filter(action="oauth_app.changed").count() == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "Agency HubSpot"}, "already an OAuth app of this name"),
        ({"client_secret": ""}, "required"),
        ({"made_on": "2999-01-01"}, "has not come yet"),
        ({"more_required": 'a"b'}, "no scope"),
    ],
)
def test_bad_input_is_explained_at_its_field(browser_of, olive, app, more, words):
    answer = browser_of(olive).post(NEW, entered(**more))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert OAuthApp.objects.count() == 1


def test_an_app_may_have_no_scopes_at_all(browser_of, olive):
    data = entered(scope_0="", scope_2="", more_optional="")
    assert browser_of(olive).post("/oauth-apps/new/?provider=notion", data).status_code == 302
    app = OAuthApp.objects.get()
    assert (app.required_scopes, app.optional_scopes) == ([], [])
    data = entered(scope_0="", scope_2="", more_optional="", client_secret="")
    assert browser_of(olive).post(f"/oauth-apps/{app.pk}/", data).status_code == 302


@pytest.mark.parametrize("provider", ["", "nothing", "openai", "custom-nothing"])
def test_a_provider_without_oauth_leads_to_the_choice(browser_of, olive, provider):
    page = browser_of(olive).get(f"/oauth-apps/new/?provider={provider}").content.decode()
    assert "At which provider did you register" in page


def test_a_connection_that_waits_for_the_app_goes_on_after_it(browser_of, ada, acme):
    place = acme.environments.first().pk
    answer = browser_of(ada).post(f"{NEW}&place={place}", entered(owner="acme"))
    assert answer["Location"] == f"/connections/new/?place={place}&provider=hubspot"


def test_an_app_in_testing_is_asked_for_only_where_the_provider_ends_its_consents_early(browser_of, olive):
    browser = browser_of(olive)
    assert "is_in_testing" not in browser.get(NEW).content.decode()
    gmail = NEW.replace("hubspot", "gmail")
    assert "is_in_testing" in browser.get(gmail).content.decode()
    browser.post(gmail, {"name": "G", "owner": "-", "client_id": "a", "client_secret": "b" * 20, "is_in_testing": "on"})
    assert OAuthApp.objects.get().is_in_testing
