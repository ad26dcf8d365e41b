"""The links of a connection: made, mailed, revoked, in every state."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from integrations.links import make_link
from integrations.models import ClientLink
from secrets_vault.actor import SYSTEM

pytestmark = pytest.mark.django_db
AT = "/connections/acme-hubspot/connect/"


def made(connection, **fields):
    link, url = make_link(connection, actor=SYSTEM, now=timezone.now())
    ClientLink.objects.filter(pk=link.pk).update(**fields)
    return link, url


@pytest.fixture
def can_mail(settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}


@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("olive", 200), ("ben", 200), ("cora", 404)])
def test_who_sees_the_links_of_a_connection(request, browser_of, hubspot, who, status):
    assert browser_of(request.getfixturevalue(who)).get(AT).status_code == status


@pytest.mark.parametrize(("who", "status"), [("ada", 302), ("ben", 404), ("cora", 404)])
def test_who_may_make_a_link(request, browser_of, hubspot, who, status):
    answer = browser_of(request.getfixturevalue(who)).post(AT, {"days": "1", "language": "en"})
    assert answer.status_code == status
    assert ClientLink.objects.count() == (status == 302)


@pytest.mark.parametrize(("who", "is_revoked"), [("ada", True), ("ben", False), ("cora", False)])
def test_who_may_revoke_a_link(request, browser_of, hubspot, who, is_revoked):
    link, _ = made(hubspot)
    browser_of(request.getfixturevalue(who)).post(f"{AT}{link.pk}/revoke/")
    link.refresh_from_db()
    assert (link.revoked_at is not None) is is_revoked


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Not opened yet"),
        ({"opened_at": timezone.now()}, "Opened"),
        ({"failed_at": timezone.now(), "failed_code": "access_denied"}, "Consent was not given."),
        ({"used_at": timezone.now()}, "Used"),
        ({"revoked_at": timezone.now()}, "Revoked"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "Expired"),
    ],
)
def test_each_state_has_its_word(browser_of, ada, hubspot, fields, word):
    made(hubspot, **fields)
    assert word in browser_of(ada).get(AT).content.decode()


def test_the_address_of_a_link_is_in_no_page_but_the_first(browser_of, ada, hubspot):
    _, url = made(hubspot)
    assert url.rpartition("/")[2] not in browser_of(ada).get(AT).content.decode()


def test_a_link_is_mailed_in_its_language_and_never_queued(browser_of, ada, hubspot, can_mail):
    terms = {"days": "7", "language": "de", "sent_to": "office@acme.example"}
    page = browser_of(ada).post(AT, terms, follow=True).content.decode()
    assert "Mailed to office@acme.example" in page
    assert mail.outbox[0].to == ["office@acme.example"]
    assert "/connect/" in mail.outbox[0].body
    assert "bittet" in mail.outbox[0].body


def test_a_mail_that_does_not_leave_loses_nothing(browser_of, ada, hubspot, can_mail, monkeypatch):
    def refused(*_, **__):
        raise TimeoutError

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refused)
    terms = {"days": "7", "language": "en", "sent_to": "office@acme.example"}
    page = browser_of(ada).post(AT, terms, follow=True).content.decode()
    assert "Copy the link and send it yourself" in page
    assert "Send this to Acme" in page


def test_the_sandbox_mails_nobody(browser_of, ada, hubspot, can_mail):
    hubspot.is_sandbox = True
    hubspot.save()
    terms = {"days": "7", "language": "en", "sent_to": "office@acme.example"}
    assert "the sandbox and the demo mail nobody" in browser_of(ada).post(AT, terms, follow=True).content.decode()
    assert mail.outbox == []


@pytest.mark.parametrize("terms", [{"days": "30"}, {"language": "xx"}, {"sent_to": "nobody"}])
def test_terms_that_cannot_be_are_explained(browser_of, ada, hubspot, terms):
    answer = browser_of(ada).post(AT, {"days": "1", "language": "en"} | terms)
    assert answer.status_code == 422
    assert not ClientLink.objects.exists()
