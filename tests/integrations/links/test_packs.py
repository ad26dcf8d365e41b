"""Several things in one link: consent and keys one after the other, and what a template makes of a new client."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core import mail
from django.db import transaction
from django.utils import timezone

from integrations import outbound
from integrations.links import Ask, handing, link_state, make_request, nudging
from integrations.links.link import LinkRefused
from integrations.links.packs import Wanted, asks_of, keep_template
from integrations.models import ClientLink, Connection, Message
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.links.test_requests import OURS, hand_in
from tests.integrations.links.vendor import GOOD, Vendor, make_key_connection
from tests.integrations.oauth.world import OTHER_PORTAL, consent_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def both(connection, settings):
    """A consent at the sandbox and a key for a vendor, of one client."""
    with Vendor() as vendor:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [*settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS, vendor.host]
        yield connection, make_key_connection(connection.client, vendor)


def lead_on(browser, path, item="1"):
    answer = browser.post(path, {"item": item}, headers={"origin": OURS})
    return answer, re.search(r'href="([^"]+authorize[^"]+)"', answer.content.decode())[1].replace("&amp;", "&")


def come_back(browser, came_back):
    return browser.get("/oauth/callback?" + urlencode({n: v for n, v in vars(came_back).items() if v}))


def test_a_consent_and_a_key_in_one_link(reachable, both, request_of, phone):
    link, path = request_of(*both)
    assert "0 of 2 done" in phone.get(path).content.decode()
    answer, url = lead_on(phone, path)
    assert (answer.status_code, settings.OAUTH_COOKIE_NAME in answer.cookies) == (200, True)
    answer = come_back(phone, consent_at(reachable, url))
    assert (answer.status_code, answer["Location"]) == (303, "/connect/thanks/en/")
    page = phone.get(answer["Location"]).content.decode()
    assert "There is more on the list" in page
    assert f'href="{path}"' in page
    page = phone.get(path).content.decode()
    assert "1 of 2 done" in page
    assert re.search(r'<form method="post".*?name="item" value="(\d)"', page, re.DOTALL)[1] == "2"
    assert not Message.objects.exists()
    answer = hand_in(phone, path, item="2")
    assert (answer.status_code, answer["Location"]) == (303, "/connect/thanks/en/?request=done")
    link.refresh_from_db()
    assert link_state(link, now=timezone.now()) == "used"
    assert set(Connection.objects.values_list("status", flat=True)) == {"connected"}
    assert Message.objects.filter(kind="link_done").count() == 1


def test_they_can_be_done_in_any_order_and_by_several_people(reachable, both, request_of, phone, browser_of):
    link, path = request_of(*both)
    assert 'name="value_api_key"' in phone.get(f"{path}?item=2").content.decode()
    page = hand_in(phone, path, item="2").content.decode()
    assert "Gadgets accepts it" in page
    assert GOOD not in page
    admin = browser_of()
    _, url = lead_on(admin, path)
    assert come_back(admin, consent_at(reachable, url)).status_code == 303
    link.refresh_from_db()
    assert link.used_at is not None


def test_what_is_done_is_not_taken_again(both, request_of, phone):
    _, path = request_of(*both)
    hand_in(phone, path, item="2")
    again = hand_in(phone, path, item="2")
    assert (again.status_code, "done in the meantime" in again.content.decode()) == (409, True)


def test_of_two_who_do_the_same_item_at_once_the_second_changes_nothing(both, request_of):
    link, _ = request_of(*both)
    given = handing.Given({"api_key": Secret(GOOD)}, {})

    def slow(*arguments, **options):
        handing.hand_over(link.items.get(position=1), given, now=timezone.now())
        return outbound.send(*arguments, **options)

    with pytest.raises(handing.NotTaken, match="done_already"):
        handing.hand_over(link.items.get(position=1), given, now=timezone.now(), send=slow)
    assert StoredSecret.objects.filter(kind="api_key").get().versions.count() == 1


def test_another_portal_is_refused_and_both_are_named(reachable, both, request_of, phone):
    Connection.objects.filter(pk=both[0].pk).update(expected_account_id="24680135")
    link, path = request_of(*both)
    _, url = lead_on(phone, path)
    answer = come_back(phone, consent_at(reachable, url, account=OTHER_PORTAL))
    page = answer.content.decode()
    assert (answer.status_code, OTHER_PORTAL in page, "24680135" in page) == (400, True, True)
    item = link.items.get(connection=both[0])
    assert (item.done_at, item.failed_code) == (None, "other_account")


def test_a_callback_of_one_phone_in_another_is_refused(reachable, both, request_of, phone, browser_of):
    _, path = request_of(*both)
    _, url = lead_on(phone, path)
    assert come_back(browser_of(), consent_at(reachable, url)).status_code == 400
    assert Connection.objects.get(pk=both[0].pk).status == "not_connected"


def test_the_way_back_is_shown_to_the_browser_that_began_only(both, request_of, phone, browser_of):
    _, path = request_of(*both)
    assert settings.LINK_COOKIE_NAME not in phone.get(path).cookies
    answer, _ = lead_on(phone, path)
    cookie = answer.cookies[settings.LINK_COOKIE_NAME]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/connect/thanks/", True, "Lax")
    assert path in phone.get("/connect/thanks/en/").content.decode()
    assert path not in browser_of().get("/connect/thanks/en/").content.decode()


def test_a_template_makes_what_is_missing_and_asks_for_what_is_there(db, ada):
    client = make_client("lamps")
    place = client.environments.get(slug="production")
    there = Connection.objects.create(
        slug="lamps-openai", client=client, environment=place, provider_key="openai", kind="api_key"
    )
    lines = [Wanted("openai", "api_key"), Wanted("stripe", "api_key", "pending")]
    template = keep_template("Shop", lines, why="For the shop", actor=SYSTEM)
    now = timezone.now()
    with transaction.atomic():
        asks = asks_of(template, place, actor=Actor.of(ada), now=now)
    assert [(ask.connection.provider_key, ask.lands_as) for ask in asks] == [
        ("openai", "current"),
        ("stripe", "pending"),
    ]
    assert asks[0].connection == there
    link, _ = make_request(client, asks, actor=Actor.of(ada), now=now)
    assert link.items.count() == 2


def test_a_template_that_lacks_an_oauth_app_makes_nothing(db):
    client = make_client("lamps")
    template = keep_template("CRM", [Wanted("openai", "api_key"), Wanted("hubspot", "oauth2")], why="", actor=SYSTEM)
    with pytest.raises(LinkRefused, match="HubSpot needs an OAuth app first"), transaction.atomic():
        asks_of(template, client.environments.first(), actor=SYSTEM, now=timezone.now())
    assert not Connection.objects.exists()


@pytest.fixture
def can_mail(settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


def test_reminders_come_three_times_two_days_apart_and_end_with_the_link(request_of, gadgets, can_mail):
    made_at = timezone.now()
    link, path = request_of(gadgets, reminds=True, language="nl", now=made_at)
    sent = [nudging.remind_due(now=made_at + timedelta(hours=hours)) for hours in range(0, 24 * 7, 6)]
    assert sum(sent) == 3
    assert all(OURS + path in letter.body for letter in mail.outbox)
    assert mail.outbox[0].subject == "Herinnering: toegang voor Ada"
    link.refresh_from_db()
    assert (link.nudges, link.remind_at) == (3, None)


def test_no_reminder_once_it_is_done(request_of, gadgets, phone, can_mail):
    made_at = timezone.now()
    _, path = request_of(gadgets, reminds=True, now=made_at)
    hand_in(phone, path)
    assert nudging.remind_due(now=made_at + timedelta(days=3)) == 0
    assert mail.outbox == []


def test_the_demo_and_the_sandbox_are_never_reminded(request_of, gadgets, can_mail):
    made_at = timezone.now()
    request_of(gadgets, reminds=True, now=made_at)
    Connection.objects.update(is_sandbox=True)
    assert nudging.remind_due(now=made_at + timedelta(days=3)) == 0
    assert mail.outbox == []


def test_the_tokens_of_ended_links_are_forgotten(request_of, gadgets):
    link, _ = request_of(gadgets)
    assert nudging.forget_ended(now=link.expires_at) == 1
    assert ClientLink.objects.get().sealed_token is None


def test_only_what_a_page_can_take_is_asked_for(gadgets, ada):
    gadgets.kind = "oauth2"
    with pytest.raises(LinkRefused):
        make_request(gadgets.client, [Ask(gadgets)], actor=Actor.of(ada), now=timezone.now())
