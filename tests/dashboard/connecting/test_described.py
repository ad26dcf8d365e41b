"""Any HTTP API, described on a page."""

import pytest

from integrations.models import CustomProvider
from integrations.providers.registry import get_provider
from tests.factories import make_client

pytestmark = pytest.mark.django_db
NEW = "/providers/new/"


def described(**more):
    data = {
        "name": "Weather API",
        "owner": "-",
        "base_url": "https://api.weather.example/v2/",
        "inject_in": "header",
        "inject_name": "X-Api-Key",
        "inject_template": "{token}",
        "probe_path": "/me",
        "allowed_hosts": "files.weather.example",
    }
    return data | more


def test_a_described_api_becomes_a_provider(browser_of, olive):
    assert browser_of(olive).post(NEW, described()).status_code == 302
    provider = get_provider("custom-weather-api")
    assert provider.base_url == "https://api.weather.example/v2"
    assert provider.allowed_hosts == ("api.weather.example", "files.weather.example")
    assert provider.injection_for("api_key").slot == "header:x-api-key"
    assert (provider.probe.path, provider.oauth) == ("/me", None)


def test_oauth_is_described_with_its_scopes(browser_of, olive):
    urls = {"authorize_url": "https://id.weather.example/authorize", "token_url": "https://id.weather.example/token"}
    assert browser_of(olive).post(NEW, described(**urls, default_scopes="read write")).status_code == 302
    assert get_provider("custom-weather-api").oauth.default_scopes == ("read", "write")


def test_a_second_of_the_same_name_has_a_key_of_its_own(browser_of, olive):
    for _ in range(2):
        browser_of(olive).post(NEW, described())
    assert set(CustomProvider.objects.values_list("key", flat=True)) == {"custom-weather-api", "custom-weather-api-2"}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"base_url": "ftp://x.example"}, "base_url"),
        ({"base_url": "https://{tenant}.example"}, "base_url"),
        ({"inject_name": "X Api"}, "inject_name"),
        ({"inject_name": ""}, "inject_name"),
        ({"inject_template": "Bearer"}, "inject_template"),
        ({"probe_path": "me"}, "probe_path"),
        ({"allowed_hosts": "https://files.example/x"}, "allowed_hosts"),
        ({"authorize_url": "https://id.example/a"}, "token_url"),
        ({"token_url": "nonsense", "authorize_url": "https://id.example/a"}, "token_url"),
        ({"default_scopes": 'a"b'}, "default_scopes"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(browser_of, olive, more, field):
    answer = browser_of(olive).post(NEW, described(**more))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not CustomProvider.objects.exists()


def test_plain_http_is_kept_and_said_to_be_refused_until_its_host_is_allowed(browser_of, olive, settings):
    page = browser_of(olive).post(NEW, described(base_url="http://10.0.0.5:9000"), follow=True).content.decode()
    assert "Calls to 10.0.0.5:9000 are refused for now" in page
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = ["10.0.0.5:9000"]
    page = browser_of(olive).post(NEW, described(base_url="http://10.0.0.5:9000"), follow=True).content.decode()
    assert "refused for now" not in page


def test_editing_keeps_what_the_form_does_not_ask(browser_of, olive):
    browser = browser_of(olive)
    browser.post(NEW, described())
    row = CustomProvider.objects.get()
    row.facts |= {"notes": "kept", "probe": row.facts["probe"] | {"alive_statuses": [403]}}
    row.save()
    page = browser.get(f"/providers/{row.pk}/").content.decode()
    assert "https://api.weather.example/v2" in page
    assert browser.post(f"/providers/{row.pk}/", described(name="Weather")).status_code == 302
    provider = get_provider(row.key)
    assert (provider.name, provider.notes, provider.probe.alive_statuses) == ("Weather", "kept", (403,))


def test_an_api_whose_calls_are_signed_is_shown_and_not_overwritten(browser_of, olive):
    browser = browser_of(olive)
    browser.post(NEW, described())
    row = CustomProvider.objects.get()
    row.facts["injections"]["basic"] = {"in": "sigv4", "service": "s3", "region": "eu-central-1"}
    row.save()
    page = browser.get(f"/providers/{row.pk}/").content.decode()
    assert "Its calls are signed" in page
    assert 'name="base_url"' not in page
    assert browser.post(f"/providers/{row.pk}/", described(name="Weather")).status_code == 422
    row.refresh_from_db()
    assert (row.name, row.facts["injections"]["basic"]["in"]) == ("Weather API", "sigv4")


def test_a_manager_describes_for_their_own_client(browser_of, ada, acme):
    make_client("zed")
    browser = browser_of(ada)
    for owner in ("-", "zed"):
        assert browser.post(NEW, described(owner=owner)).status_code == 422
    assert browser.post(NEW, described(owner="acme")).status_code == 302
    assert CustomProvider.objects.get().client == acme


@pytest.mark.parametrize(("who", "listed", "edited"), [("ada", True, 200), ("ben", True, 404), ("cora", False, 404)])
def test_who_sees_and_changes_a_clients_provider(request, browser_of, olive, acme, who, listed, edited):
    browser_of(olive).post(NEW, described(owner="acme"))
    row = CustomProvider.objects.get()
    browser = browser_of(request.getfixturevalue(who))
    assert ("Weather API" in browser.get("/providers/").content.decode()) is listed
    assert browser.get(f"/providers/{row.pk}/").status_code == edited
    assert browser.get(NEW).status_code == (200 if who == "ada" else 404)


def test_the_sandboxs_providers_are_not_changed_here(browser_of, olive):
    browser_of(olive).post(NEW, described())
    CustomProvider.objects.update(is_sandbox=True)
    assert browser_of(olive).get(f"/providers/{CustomProvider.objects.get().pk}/").status_code == 404
