"""What has become of a link, where a person looks: at the connection, in the list, and by a nudge."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from integrations.links import Ask, make_link, make_request
from integrations.links.link import find_open
from integrations.models import ClientLink, LinkItem
from secrets_vault.actor import SYSTEM

pytestmark = pytest.mark.django_db
AT = "/connections/acme-hubspot/connect/"
TO = "office@acme.example"


@pytest.fixture
def can_mail(settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


def mailed(browser, **terms):
    browser.post(AT, {"days": "7", "language": "fr", "sent_to": TO, "reminds": "on"} | terms)
    return ClientLink.objects.get()


def test_a_mailed_connect_link_is_nudged_at_the_same_address(browser_of, ada, hubspot, can_mail):
    browser = browser_of(ada)
    link = mailed(browser)
    url = mail.outbox[0].body.partition("http")[2].split()[0]
    page = browser.post(f"/links/{link.pk}/nudge/", follow=True).content.decode()
    assert f"Reminded: mailed to {TO}" in page
    assert f"http{url}" in mail.outbox[1].body
    assert mail.outbox[1].subject == "Rappel : accès pour Ada"
    assert find_open(url.rpartition("/")[2], now=timezone.now()) == link
    assert (link.remind_at is not None, url.rpartition("/")[2].encode() in bytes(link.sealed_token)) == (True, False)


def test_one_that_was_copied_by_hand_is_kept_nowhere_and_not_nudged(browser_of, ada, hubspot, can_mail):
    browser = browser_of(ada)
    link = mailed(browser, sent_to="")
    assert link.sealed_token is None
    assert "copied by hand" in browser.post(f"/links/{link.pk}/nudge/", follow=True).content.decode()
    assert mail.outbox == []


def test_a_new_address_of_a_connect_link_is_shown_and_mailed(browser_of, ada, hubspot, can_mail):
    browser = browser_of(ada)
    link = mailed(browser)
    page = browser.post(f"/links/{link.pk}/renew/", follow=True).content.decode()
    fresh = page.partition("/connect/")[2][:43]
    assert find_open(fresh, now=timezone.now()) == link
    assert fresh in mail.outbox[1].body


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Link: Not opened yet"),
        ({"opened_at": timezone.now()}, "Link: Opened"),
        ({"failed_at": timezone.now(), "failed_code": "other_account"}, "Link: Did not work"),
        ({"used_at": timezone.now()}, None),
        ({"revoked_at": timezone.now()}, None),
        ({"expires_at": timezone.now() - timedelta(days=1)}, None),
    ],
)
@pytest.mark.parametrize("kind", ["connect", "request"])
def test_the_list_says_how_far_the_client_is(browser_of, ada, hubspot, kind, fields, word):
    make = make_link if kind == "connect" else (lambda c, **more: make_request(c.client, [Ask(c)], **more))
    make(hubspot, actor=SYSTEM, now=timezone.now())
    ClientLink.objects.update(**fields)
    LinkItem.objects.update(**{name: value for name, value in fields.items() if name.startswith("failed")})
    page = browser_of(ada).get("/connections/").content.decode()
    assert (word in page) if word else ("Link:" not in page)


def test_the_connection_tells_of_links_of_both_kinds(browser_of, ada, ben, hubspot):
    make_link(hubspot, actor=SYSTEM, now=timezone.now(), sent_to="first@acme.example")
    link, _ = make_request(hubspot.client, [Ask(hubspot)], actor=SYSTEM, now=timezone.now(), sent_to=TO)
    LinkItem.objects.update(done_at=timezone.now())
    for person in (ada, ben):
        page = browser_of(person).get("/connections/acme-hubspot/").content.decode()
        assert "first@acme.example" in page
        assert f"/links/{link.pk}/" in page
        assert "Used" in page


def test_a_page_of_connections_costs_as_many_queries_with_links_as_with_one(
    browser_of, ada, hubspot, django_assert_max_num_queries
):
    for _ in range(3):
        make_link(hubspot, actor=SYSTEM, now=timezone.now())
        make_request(hubspot.client, [Ask(hubspot)], actor=SYSTEM, now=timezone.now())
    browser = browser_of(ada)
    with django_assert_max_num_queries(30):
        browser.get("/connections/")
