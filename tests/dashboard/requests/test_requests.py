"""The consultant's side of request links: made, listed, narrowed, nudged, renewed, revoked."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from integrations.links.link import find_open
from integrations.models import ClientLink, Connection
from secrets_vault.models import AuditEvent
from tests.factories import make_client

pytestmark = pytest.mark.django_db
NEW = "/links/new/"


def terms(connection, **more):
    return {
        "connections": [str(connection.pk)],
        "days": "7",
        "language": "de",
        "sent_to": "office@acme.example",
        "lands_as": "pending",
        "why": "For the shop",
    } | more


def ask(browser, connection, **more):
    return browser.post(f"{NEW}?connection={connection.slug}", terms(connection, **more), follow=True)


def test_a_request_is_made_shown_once_and_mailed_in_its_language(browser_of, ada, openai, can_mail):
    browser = browser_of(ada)
    answer = ask(browser, openai, reminds="on")
    link = ClientLink.objects.get()
    page = answer.content.decode()
    url = mail.outbox[0].body.partition("http")[2].split()[0]
    assert f"http{url}" in page
    assert find_open(url.rpartition("/")[2], now=timezone.now(), kind="request") == link
    assert (mail.outbox[0].to, mail.outbox[0].subject) == (["office@acme.example"], "Zugang für Ada")
    assert f"http{url}" not in browser.get(f"/links/{link.pk}/").content.decode()
    assert (link.why, link.items.get().lands_as, link.remind_at is not None) == ("For the shop", "pending", True)


def test_without_mail_the_address_is_there_to_copy(browser_of, ada, openai, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}
    page = ask(browser_of(ada), openai).content.decode()
    assert "no mail server is set up" in page
    assert "/request/" in page


def test_nothing_chosen_is_explained(browser_of, ada, openai):
    answer = ask(browser_of(ada), openai, connections=[])
    assert (answer.status_code, "Choose at least one thing" in answer.content.decode()) == (422, True)
    assert not ClientLink.objects.exists()


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_does_not_manage_a_client_cannot_ask_it(request, browser_of, openai, production, who):
    browser = browser_of(request.getfixturevalue(who))
    for address in (f"{NEW}?connection={openai.slug}", f"{NEW}?place={production.pk}"):
        assert "Add a client first" in browser.post(address, terms(openai)).content.decode()
    assert not ClientLink.objects.exists()


def test_another_clients_connection_cannot_be_asked_for(browser_of, ada, openai):
    beta = make_client("beta")
    other = Connection.objects.create(
        slug="beta-openai", client=beta, environment=beta.environments.first(), provider_key="openai", kind="api_key"
    )
    assert ask(browser_of(ada), openai, connections=[str(other.pk)]).status_code == 422
    assert not ClientLink.objects.exists()


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 2), ("?q=openai", 2), ("?q=office", 1), ("?q=nobody", 0), ("?state=waiting", 1), ("?state=done", 1),
     ("?kind=connect", 0), ("?client=acme", 2), ("?state=nonsense", 2), ("?after=nonsense", 2)],
)  # fmt: skip
def test_the_list_is_searched_and_narrowed(browser_of, ada, made, query, found):
    made()
    done, _ = made(sent_to="boss@acme.example")
    ClientLink.objects.filter(pk=done.pk).update(used_at=timezone.now())
    assert browser_of(ada).get(f"/links/{query}").content.decode().count("data-row>") == found


def test_a_stranger_sees_none_and_the_csv_has_them_all(browser_of, ada, cora, made):
    _, url = made(why="=cmd()")
    assert "Nothing was asked for yet" in browser_of(cora).get("/links/").content.decode()
    lines = b"".join(browser_of(ada).get("/links/?format=csv").streaming_content).decode()
    assert "OpenAI" in lines
    assert url.rpartition("/")[2] not in lines


def test_a_long_list_costs_as_many_queries_as_a_short_one(browser_of, ada, openai, made, django_assert_max_num_queries):
    first, _ = made()
    browser = browser_of(ada)
    rows = [
        ClientLink(
            kind="request",
            token_hash=bytes([n // 256, n % 256]) * 16,
            client=openai.client,
            expires_at=first.expires_at,
        )
        for n in range(60)
    ]
    ClientLink.objects.bulk_create(rows)
    with django_assert_max_num_queries(30):
        page = browser.get("/links/").content.decode()
    assert page.count("data-row>") == 50
    assert 'rel="next"' in page


def test_the_clients_tab_lists_its_links(browser_of, ben, made):
    made()
    page = browser_of(ben).get("/clients/acme/links/").content.decode()
    assert "office@acme.example" in page
    assert "New request" not in page


def test_a_nudge_mails_the_same_address_once_in_twelve_hours(browser_of, ada, made, can_mail):
    link, url = made()
    browser = browser_of(ada)
    assert "mailed to office@acme.example" in browser.post(f"/links/{link.pk}/nudge/", follow=True).content.decode()
    assert url in mail.outbox[0].body
    assert "less than twelve hours ago" in browser.post(f"/links/{link.pk}/nudge/", follow=True).content.decode()
    assert len(mail.outbox) == 1
    assert AuditEvent.objects.filter(action="link.nudged").count() == 1


def test_a_new_address_ends_the_old_one(browser_of, ada, made):
    link, url = made(now=timezone.now() - timedelta(days=6))
    page = browser_of(ada).post(f"/links/{link.pk}/renew/", follow=True).content.decode()
    fresh = page.partition("/request/")[2][:43]
    assert find_open(url.rpartition("/")[2], now=timezone.now(), kind="request") is None
    assert find_open(fresh, now=timezone.now() + timedelta(days=6), kind="request") == link


def test_a_revoked_link_stays_revoked(browser_of, ada, made):
    link, url = made()
    browser = browser_of(ada)
    browser.post(f"/links/{link.pk}/revoke/")
    assert "This link is over" in browser.post(f"/links/{link.pk}/renew/", follow=True).content.decode()
    assert find_open(url.rpartition("/")[2], now=timezone.now(), kind="request") is None


def test_a_request_that_failed_is_on_todays_list(browser_of, ada, made):
    link, _ = made()
    ClientLink.objects.filter(pk=link.pk).update(opened_at=timezone.now(), failed_at=timezone.now())
    page = browser_of(ada).get("/").content.decode()
    assert "A client’s link failed" in page
    assert f"/links/{link.pk}/" in page
