"""The consent over HTTP: what a browser sends, sees, and is refused."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.utils import timezone

from integrations.models import Connection
from tests.factories import make_membership, make_user
from tests.integrations.oauth.world import OTHER_PORTAL, PORTAL, consent_at

pytestmark = pytest.mark.django_db


def go_to_provider(browser, connection, **fields):
    page = browser.post(f"/oauth/start/{connection.slug}/", fields)
    assert page.status_code == 200, page.content
    return page.context["url"]


def come_back(browser, came_back, **changes):
    query = {name: value for name, value in vars(came_back).items() if value} | changes
    return browser.get("/oauth/callback?" + urlencode(query))


def test_ada_connects_and_reads_what_it_may_do(reachable, connection, browser):
    came_back = consent_at(reachable, go_to_provider(browser, connection))
    answer = come_back(browser, came_back)
    assert (answer.status_code, answer["Location"]) == (303, f"/oauth/connected/{connection.pk}/")
    page = browser.get(answer["Location"]).content.decode()
    assert "Acme Ltd (sandbox)" in page
    assert "Look at contacts" in page


def test_the_page_leads_to_the_provider_by_a_plain_link_and_binds_the_browser(connection, browser):
    page = browser.post(f"/oauth/start/{connection.slug}/")
    assert f'href="{page.context["url"].replace("&", "&amp;")}"' in page.content.decode()
    cookie = page.cookies[settings.OAUTH_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")


@pytest.mark.parametrize(("role", "status"), [(None, 404), ("viewer", 404), ("manager", 200)])
def test_ben_may_start_only_what_he_manages_and_cora_sees_nothing(connection, browser_of, role, status):
    ben = make_user("Ben")
    if role:
        make_membership(ben, connection.client, role=role)
    assert browser_of(ben).post(f"/oauth/start/{connection.slug}/").status_code == status


def test_a_start_needs_a_post_with_our_own_token(connection, browser_of, ada):
    strict = browser_of(ada, enforce_csrf_checks=True)
    assert strict.post(f"/oauth/start/{connection.slug}/").status_code == 403
    assert strict.get(f"/oauth/start/{connection.slug}/").status_code == 405


def test_a_replayed_callback_is_a_400_with_a_way_out(reachable, connection, browser):
    came_back = consent_at(reachable, go_to_provider(browser, connection))
    come_back(browser, came_back)
    answer = come_back(browser, came_back)
    assert answer.status_code == 400
    assert "used already" in answer.content.decode()
    assert 'href="/"' in answer.content.decode()


def test_a_callback_in_another_browser_is_refused(reachable, connection, browser, browser_of, ada):
    came_back = consent_at(reachable, go_to_provider(browser, connection))
    assert come_back(browser_of(ada), came_back).status_code == 400
    assert Connection.objects.get().status == "not_connected"


def test_a_callback_after_signing_out_is_refused(reachable, connection, browser):
    came_back = consent_at(reachable, go_to_provider(browser, connection))
    browser.logout()
    assert come_back(browser, came_back).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=",
        "state=a&state=b&code=c",
        "state=%00&code=c",
        "state=%ff%fe&code=c",
        "code=c",
        "error=access_denied",
        "state=" + "a" * 9000,
        "state=x&code=y&next=https://evil.example",
        "state=<script>alert(1)</script>&error=<script>alert(1)</script>&error_description=<script>alert(1)</script>",
    ],
)
def test_a_made_up_callback_is_a_quiet_400(connection, browser, query):
    answer = browser.get(f"/oauth/callback?{query}")
    assert answer.status_code == 400
    assert b"alert(1)" not in answer.content
    assert "Location" not in answer


def test_head_and_post_do_not_finish_a_consent(reachable, connection, browser):
    came_back = consent_at(reachable, go_to_provider(browser, connection))
    query = urlencode({"state": came_back.state, "code": came_back.code})
    assert browser.head(f"/oauth/callback?{query}").status_code == 405
    assert browser.post(f"/oauth/callback?{query}").status_code == 405
    assert come_back(browser, came_back).status_code == 303


def test_the_words_of_the_provider_never_reach_the_page(reachable, connection, browser):
    came_back = consent_at(reachable, go_to_provider(browser, connection), decision="deny")
    answer = come_back(browser, came_back, error_description="CANARY")
    assert answer.status_code == 400
    assert "did not give your consent" in answer.content.decode()
    assert "CANARY" not in answer.content.decode()


def test_another_account_is_named_and_decided_by_hand(reachable, connection, browser):
    come_back(browser, consent_at(reachable, go_to_provider(browser, connection)))
    answer = come_back(browser, consent_at(reachable, go_to_provider(browser, connection), account=OTHER_PORTAL))
    page = browser.get(answer["Location"]).content.decode()
    assert PORTAL in page
    assert OTHER_PORTAL in page
    kept = browser.post(answer["Location"], {"decision": "refuse"}).content.decode()
    assert "has confirmed that the access has ended" in kept
    assert Connection.objects.get().account_id == PORTAL
    assert browser.post(answer["Location"], {"decision": "accept"}).status_code == 404


def test_a_callback_eleven_minutes_later_is_refused(reachable, connection, browser, monkeypatch):
    came_back = consent_at(reachable, go_to_provider(browser, connection))
    later = timezone.now() + timedelta(minutes=11)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert come_back(browser, came_back).status_code == 400


@pytest.mark.parametrize("language", ["de", "fr", "es", "nl", "en"])
def test_a_refusal_speaks_the_browsers_language(connection, browser_of, language):
    page = browser_of().get("/oauth/callback?state=x", headers={"accept-language": f"{language}-XX,en;q=0.1"})
    assert f'lang="{language}"' in page.content.decode()


def test_a_refused_consent_leads_back_to_its_connection(reachable, connection, browser):
    url = go_to_provider(browser, connection)
    answer = come_back(browser, consent_at(reachable, url, decision="deny"))
    assert answer.status_code == 400
    assert f'href="/connections/{connection.slug}/"' in answer.content.decode()


def test_rights_that_nobody_asked_for_are_named(connection, browser):
    connection.requested_scopes, connection.granted_scopes = ["oauth"], ["oauth", "tickets"]
    connection.save(update_fields=["requested_scopes", "granted_scopes"])
    page = browser.get(f"/oauth/connected/{connection.pk}/").content.decode()
    assert "More than was asked for" in page
    assert "<code>tickets</code>" in page
