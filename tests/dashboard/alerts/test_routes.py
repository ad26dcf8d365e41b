"""Routes on pages: made, tried, changed, removed; who may, and what is never shown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.alerts.routes import making, posting, sealing
from integrations.models import AlertDelivery, AlertHours, AlertRoute
from secrets_vault.models import AuditEvent
from tests.fake_upstream import FakeUpstream
from tests.integrations.alerts.routes.places import make_route
from tests.proving import prove

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Ops",
    "kinds": ["failing", "needs_reconnecting"],
    "least": "warning",
    "language": "en",
    "time_zone": "Europe/Berlin",
    "digest_at": "08:00",
    "wants_still": "on",
}


@pytest.fixture
def sure(browser_of):
    """Return a browser of a person who has just proved who they are."""

    def proved(user):
        browser = browser_of(user)
        prove(browser)
        return browser

    return proved


@pytest.fixture
def place(settings):
    with FakeUpstream(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as upstream:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
        yield upstream


def text(answer) -> str:
    return answer.content.decode()


def test_without_a_route_the_page_says_what_one_is_for(browser_of, olive):
    page = text(browser_of(olive).get("/settings/alerts/"))
    assert "No route yet" in page
    assert 'href="/settings/alerts/new/"' in page


def test_every_channel_has_a_form(sure, olive):
    browser = sure(olive)
    page = text(browser.get("/settings/alerts/new/"))
    for channel in AlertRoute.Channel.values:
        assert f"?channel={channel}" in page
        assert browser.get(f"/settings/alerts/new/?channel={channel}").status_code == 200


def test_a_route_is_made_tried_and_shows_what_came_of_it(sure, olive, place):
    browser, address = sure(olive), f"{place.url}/in/xyzzy-canary"
    made = browser.post("/settings/alerts/new/?channel=signed", FORM | {"address": address}, follow=True)
    route = AlertRoute.objects.get()
    assert (route.client, route.kinds, sealing.open_address(route).expose()) == (None, FORM["kinds"], address)
    secret = sealing.open_signing(route).expose()
    assert secret in text(made)
    page = text(browser.get(f"/settings/alerts/{route.pk}/"))
    assert secret not in page
    assert "xyzzy-canary" not in page
    tried = text(browser.post(f"/settings/alerts/{route.pk}/test/", follow=True))
    assert "Ops took the test. It arrived (200)." in tried
    assert b"A test from Keylodge" in place.requests[0]
    assert "xyzzy-canary" not in tried
    actions = list(AuditEvent.objects.filter(action__startswith="alert_route").values_list("action", flat=True))
    assert sorted(actions) == ["alert_route.made", "alert_route.tested"]


def test_a_test_that_fails_says_why(sure, olive, place):
    place.answers = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]
    route = make_route("signed", url=f"{place.url}/in")
    page = text(sure(olive).post(f"/settings/alerts/{route.pk}/test/", follow=True))
    assert "There is nothing at this address (404). Was the webhook deleted there?" in page


def test_a_place_that_hangs_says_so(sure, olive, place, monkeypatch):
    monkeypatch.setattr(posting, "DEADLINE_S", 0.3)
    place.answers = [lambda _sock, _request: None]
    route = make_route("signed", url=f"{place.url}/in")
    assert "There was no answer within" in text(sure(olive).post(f"/settings/alerts/{route.pk}/test/", follow=True))


@pytest.mark.parametrize(
    ("channel", "address", "said"),
    [
        ("slack", "https://example.com/services/x", "hooks.slack.com"),
        ("slack", "https://hooks.slack.com.evil.example/x", "hooks.slack.com"),
        ("teams", "https://logic.azure.com.evil.example/x", "logic.azure.com"),
        ("signed", "http://127.0.0.1:9/in", "public internet"),
        ("signed", "https://169.254.169.254/latest", "public internet"),
        ("signed", "ftp://example.com/", "no https address"),
        ("mail", "nobody", "no e-mail address"),
    ],
)
def test_an_address_that_cannot_be_says_why_and_is_not_repeated(sure, olive, channel, address, said):
    answer = sure(olive).post(f"/settings/alerts/new/?channel={channel}", FORM | {"address": address})
    assert answer.status_code == 422
    assert said in text(answer)
    assert channel == "mail" or address not in text(answer)
    assert not AlertRoute.objects.exists()


def test_a_route_by_apprise_is_made_and_shows_no_more_than_four_characters(sure, olive):
    browser, address = sure(olive), "tgram://123456789:AAxyzzycanary_abcdefghijwxyz/12315544/"
    page = text(browser.get("/settings/alerts/new/?channel=apprise"))
    assert "tgram://{bot_token}/{target}" in page
    made = text(browser.post("/settings/alerts/new/?channel=apprise", FORM | {"address": address}, follow=True))
    route = AlertRoute.objects.get()
    assert (sealing.open_address(route).expose(), route.address_masked) == (address, "tgram://****wxyz")
    assert "tgram://****wxyz" in made
    assert "xyzzy" not in made + text(browser.get(f"/settings/alerts/{route.pk}/change/"))


def test_where_apprise_is_missing_the_page_says_how_to_add_it(sure, olive, monkeypatch):
    monkeypatch.setattr("dashboard.pages.alerts.editing.is_installed", lambda: False)
    browser = sure(olive)
    for query in ("", "?channel=apprise"):
        page = text(browser.get(f"/settings/alerts/new/{query}"))
        assert "<code>tools/bootstrap --extra apprise</code>" in page
        assert "?channel=apprise" not in page


@pytest.mark.parametrize(("begins", "ends"), [("22:00", ""), ("", "07:00"), ("07:00", "07:00")])
def test_quiet_hours_have_two_ends(browser_of, ada, begins, ends):
    form = {"quiet_from": begins, "quiet_to": ends, "digest_at": "08:00"}
    assert browser_of(ada).post("/settings/alerts/", form).status_code == 422
    assert not AlertHours.objects.exists()


def test_ones_own_hours_are_kept(browser_of, ben):
    form = {"quiet_from": "22:00", "quiet_to": "07:00", "digest_at": "09:30", "lets_urgent_pass": "on"}
    assert browser_of(ben).post("/settings/alerts/", form).status_code == 302
    own = AlertHours.objects.get()
    assert (own.user, own.quiet_from.hour, own.digest_at.minute, own.wants_still) == (ben, 22, 30, False)


def test_a_manager_makes_routes_of_her_clients_alone(sure, ada, acme, place):
    from tests.factories import make_client

    beta = make_client("beta")
    browser, form = sure(ada), FORM | {"address": f"{place.url}/in"}
    for whose in ("", str(beta.pk)):
        assert browser.post("/settings/alerts/new/?channel=signed", form | {"client": whose}).status_code == 422
    assert browser.post("/settings/alerts/new/?channel=signed", form | {"client": str(acme.pk)}).status_code == 302
    assert AlertRoute.objects.get().client == acme


def test_a_manager_does_not_see_the_routes_of_the_agency(browser_of, ada, acme):
    make_route(name="agency-wide")
    make_route(name="of acme", client=acme)
    page = text(browser_of(ada).get("/settings/alerts/"))
    assert "of acme" in page
    assert "agency-wide" not in page


def test_who_may_only_look_is_offered_no_route(browser_of, ben, acme):
    make_route(name="of acme", client=acme)
    page = text(browser_of(ben).get("/settings/alerts/"))
    assert "of acme" not in page
    assert "/settings/alerts/new/" not in page


def test_an_address_that_is_left_empty_stays(sure, olive, place):
    route = make_route("signed", url=f"{place.url}/in")
    browser = sure(olive)
    page = text(browser.get(f"/settings/alerts/{route.pk}/change/"))
    assert f"{place.url}/****" in page
    assert browser.post(f"/settings/alerts/{route.pk}/change/", FORM | {"address": ""}).status_code == 302
    route.refresh_from_db()
    assert (route.name, sealing.open_address(route).expose()) == ("Ops", f"{place.url}/in")


def test_a_route_is_paused_goes_on_and_is_removed(sure, olive):
    route, browser = make_route(), sure(olive)
    for do, is_paused in (("pause", True), ("resume", False)):
        browser.post(f"/settings/alerts/{route.pk}/pause/", {"do": do})
        route.refresh_from_db()
        assert route.is_paused is is_paused
    browser.post(f"/settings/alerts/{route.pk}/remove/", {"sure": "1"})
    assert not AlertRoute.objects.exists()


@pytest.mark.parametrize("act", ["change", "secret", "remove"])
def test_changing_where_alerts_go_asks_who_it_is(browser_of, olive, act):
    route = make_route("signed")
    answer = browser_of(olive).post(f"/settings/alerts/{route.pk}/{act}/", FORM | {"sure": "1"})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert AlertRoute.objects.filter(pk=route.pk, name=route.name).exists()


def test_another_signing_secret_is_shown_once(sure, olive):
    route, browser = make_route("signed"), sure(olive)
    before = sealing.open_signing(route).expose()
    page = text(browser.post(f"/settings/alerts/{route.pk}/secret/", follow=True))
    route.refresh_from_db()
    after = sealing.open_signing(route).expose()
    assert after != before
    assert after in page
    assert after not in text(browser.get(f"/settings/alerts/{route.pk}/"))


def test_ten_thousand_deliveries_are_read_page_by_page(browser_of, olive, at_most_queries):
    route, now = make_route(), timezone.now()
    AlertDelivery.objects.bulk_create(
        AlertDelivery(
            route=route,
            dedupe_key=str(number),
            kind="failing",
            severity="urgent",
            subject=f"Alert {number}",
            created_at=now,
            due_at=now,
            state="sent",
        )
        for number in range(10_000)
    )
    browser = browser_of(olive)
    browser.get("/settings/alerts/")
    with at_most_queries(12, calls=2):
        page = text(browser.get(f"/settings/alerts/{route.pk}/"))
    assert page.count("<tr data-row>") == 50
    assert "Next page" in page


def test_a_route_that_takes_nothing_stands_on_today(browser_of, olive):
    make_route(name="Ops", trouble_told_at=timezone.now() - timedelta(hours=1))
    assert "Alerts to Ops do not arrive" in text(browser_of(olive).get("/"))


def test_there_are_no_more_routes_than_a_list_can_show(sure, olive, place, monkeypatch):
    monkeypatch.setattr(making, "MOST_ROUTES", 1)
    make_route()
    answer = sure(olive).post("/settings/alerts/new/?channel=signed", FORM | {"address": f"{place.url}/in"})
    assert answer.status_code == 422


def test_the_settings_of_a_client_lead_to_where_its_alerts_go(browser_of, ada, acme):
    from_client = 'href="/settings/alerts/?client=acme"'
    browser = browser_of(ada)
    assert from_client in text(browser.get("/clients/acme/edit/"))
    make_route(name="of acme", client=acme)
    page = text(browser.get("/settings/alerts/?client=acme"))
    assert "Where alerts of Acme go" in page
    assert "of acme" in page
