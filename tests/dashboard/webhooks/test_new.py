"""A new endpoint: its vendor, its place, its address, its secret, its first target."""

from __future__ import annotations

import pytest

from integrations.models import WebhookEndpoint
from integrations.webhooks import sealing
from integrations.webhooks.schemes.registry import all_schemes
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from tests.factories import make_client, make_webhook_endpoint

pytestmark = pytest.mark.django_db
NEW = "/webhooks/new/"
CANARY = "whsec_canary0123456789abcdef"


def typed(acme, **more):
    return {"place": str(acme.environments.first().pk), "made_on": "2026-11-01"} | more


def make(browser, acme, *, scheme="stripe", **more):
    return browser.post(f"{NEW}?scheme={scheme}", typed(acme, **more))


def test_every_vendor_can_be_picked_and_nothing_too(browser_of, ada, acme):
    page = browser_of(ada).get(NEW).content.decode()
    for scheme in all_schemes():
        assert f'href="?scheme={scheme.key}"' in page
    assert 'href="?scheme=none"' in page


@pytest.mark.parametrize(("text", "found"), [("stripe", "stripe"), ("hub v3", "hubspot_v3"), ("STANDARD", "standard")])
def test_a_vendor_is_found_by_its_name(browser_of, ada, acme, text, found):
    answer = browser_of(ada).get(NEW, {"q": text}, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert found in page
    assert "zendesk" not in page
    assert page.strip().startswith("<div id=")


def test_a_search_without_a_find_says_what_to_do(browser_of, ada, acme):
    assert "No vendor of the catalogue fits" in browser_of(ada).get(NEW, {"q": "<b>moon</b>"}).content.decode()


@pytest.mark.parametrize("who", ["ben", "cora"])
@pytest.mark.parametrize("query", ["", "?scheme=stripe"])
def test_who_manages_no_client_finds_no_form(request, browser_of, acme, who, query):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get(NEW + query).status_code == 404
    assert browser.post(NEW + query, typed(acme)).status_code == 404
    assert not WebhookEndpoint.objects.exists()


def test_an_unknown_vendor_is_not_there(browser_of, ada, acme):
    assert browser_of(ada).get(f"{NEW}?scheme=moon").status_code == 404


def test_an_endpoint_is_made_with_its_secret_and_target(browser_of, ada, acme):
    url = "https://93.184.215.14/webhook/0123456789abcdef"
    answer = make(browser_of(ada), acme, name="Payments", secret=CANARY, target_url=url, target_name="n8n")
    endpoint = WebhookEndpoint.objects.get()
    assert answer.headers["Location"] == f"/webhooks/{endpoint.slug}/settings/"
    assert (endpoint.slug, endpoint.name, endpoint.scheme_key) == ("acme-stripe", "Payments", "stripe")
    assert vault.use(endpoint.secret, actor=SYSTEM, purpose="test")["secret"].expose() == CANARY
    assert (endpoint.secret.kind, str(endpoint.secret.current.made_on)) == ("webhook_secret", "2026-11-01")
    target = endpoint.targets.get()
    assert sealing.open_url(target, client=acme).expose() == url
    assert "0123456789abcdef" not in target.url_masked
    signing = vault.use(target.signing_secret, actor=SYSTEM, purpose="test")["secret"].expose()
    assert signing.startswith("whsec_")
    written = [event.action for event in AuditEvent.objects.filter(action__startswith="webhook.").order_by("seq")]
    assert written == ["webhook.created", "webhook.target_added"]


def test_its_address_is_there_to_copy_with_what_to_do(browser_of, ada, acme):
    browser = browser_of(ada)
    page = browser.get(make(browser, acme, slug="shop-hooks").headers["Location"]).content.decode()
    assert 'data-copy="http://localhost:8000/hooks/shop-hooks"' in page
    assert "Only this computer can reach this" in page
    assert "Copy the signing secret from there" in page
    assert "No secret yet" in page


def test_a_second_endpoint_gets_an_address_of_its_own(browser_of, ada, acme):
    for _ in range(2):
        make(browser_of(ada), acme)
    assert set(WebhookEndpoint.objects.values_list("slug", flat=True)) == {"acme-stripe", "acme-stripe-2"}


@pytest.mark.parametrize("slug", ["Acme Shop", "-x", "x-", "new", "quarantine", "ä", "a/b", "taken", "<b>"])
def test_an_address_that_cannot_be_is_refused_in_words(browser_of, ada, acme, slug):
    make_webhook_endpoint(acme, "taken")
    answer = make(browser_of(ada), acme, slug=slug)
    assert answer.status_code == 422
    assert answer.context["form"].errors["slug"]
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize(
    "url",
    ["ftp://x/y", "n8n.example/x", "https://user:pw@x/y", "https://x/y#z", "https://x/ y", "https://" + "x" * 2100],
)
def test_a_target_that_is_no_plain_address_is_refused(browser_of, ada, acme, url):
    answer = make(browser_of(ada), acme, target_url=url)
    assert answer.status_code == 422
    assert answer.context["form"].errors["target_url"]


def test_a_target_in_a_private_network_is_refused_unless_it_is_opened(browser_of, ada, acme, settings):
    url = "http://10.0.0.5:5678/webhook/1"
    refused = make(browser_of(ada), acme, target_url=url)
    assert (refused.status_code, WebhookEndpoint.objects.count()) == (422, 0)
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = ["10.0.0.5:5678"]
    assert make(browser_of(ada), acme, target_url=url).status_code == 302


def test_the_place_of_another_client_cannot_be_chosen(browser_of, ada, acme):
    answer = make(browser_of(ada), make_client("zed"))
    assert (answer.status_code, WebhookEndpoint.objects.count()) == (422, 0)


def test_a_refused_form_never_shows_the_secret(browser_of, ada, acme):
    answer = make(browser_of(ada), acme, slug="No Good", secret=CANARY)
    assert answer.status_code == 422
    assert CANARY not in answer.content.decode()


def test_an_age_is_asked_for_only_where_there_is_a_secret(browser_of, ada, acme):
    browser = browser_of(ada)
    assert make(browser, acme, secret=CANARY, made_on="").context["form"].errors["made_on"]
    assert make(browser, acme, made_on="").status_code == 302


def test_no_verification_must_be_wanted_in_so_many_words(browser_of, ada, acme):
    browser = browser_of(ada)
    assert make(browser, acme, scheme="none").context["form"].errors["is_unverified_wanted"]
    answer = browser.get(make(browser, acme, scheme="none", is_unverified_wanted="on").headers["Location"])
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.scheme_key, endpoint.is_verified_required, endpoint.secret) == ("none", False, None)
    assert "Verifies nothing" in answer.content.decode()


def test_what_is_not_confirmed_is_said(browser_of, ada, acme):
    unsure = [scheme for scheme in all_schemes() if not scheme.is_confirmed("sender.retries") and scheme.sender.retries]
    for scheme in unsure[:2]:
        assert "not confirmed" in browser_of(ada).get(f"{NEW}?scheme={scheme.key}").content.decode()
