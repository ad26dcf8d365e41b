"""The audit trail's page: what each may see, filters, export, verification."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client as Browser
from django.urls import reverse

from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.models import AuditEvent
from tests.proving import prove

pytestmark = pytest.mark.django_db
URL = "/audit/"


def browser_for(user) -> Browser:
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


def write(action: str = "secret.stored", *, client=None, label: str = "A key", actor: Actor | None = None) -> None:
    with transaction.atomic():
        audit.record(
            action, actor=actor or Actor(kind="command", label="Robot", ip="203.0.113.9"), client=client, label=label
        )


def test_a_member_sees_the_events_of_her_clients_only(ada, acme):
    write(client=acme, label="Acme key")
    write(label="Agency key")
    page = browser_for(ada).get(URL).content.decode()
    assert "Acme key" in page
    assert "203.0.113.9" in page
    assert "Agency key" not in page


def test_the_owner_sees_everything(olive, acme):
    write(client=acme, label="Acme key")
    write(label="Agency key")
    page = browser_for(olive).get(URL).content.decode()
    assert "Acme key" in page
    assert "Agency key" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [({"q": "robot"}, True), ({"area": "secret"}, True), ({"area": "login"}, False), ({"since": "2999-01-01"}, False)],
)
def test_the_trail_is_filtered(olive, query, found):
    write(label="Special thing")
    rows = browser_for(olive).get(URL, query, headers={"hx-request": "true"}).content
    assert (b"Special thing" in rows) is found


def test_the_export_follows_the_filter_and_is_an_event(olive, acme):
    write(client=acme, label="=evil()")
    write("login.ok", label="other")
    browser = browser_for(olive)
    prove(browser)
    text = b"".join(browser.post(reverse("dashboard:audit_export"), {"area": "secret"}).streaming_content).decode()
    assert "'=evil()" in text
    assert "login.ok" not in text
    assert AuditEvent.objects.get(action="export.made").details == {"filter": {"area": "secret"}}


def test_an_export_asks_again_who_it_is(olive):
    answer = browser_for(olive).post(reverse("dashboard:audit_export"))
    assert answer.url.startswith("/accounts/reauthenticate/")


def test_the_chain_is_verified_by_the_owner_only(ada, olive):
    write()
    assert browser_for(ada).post(reverse("dashboard:audit_verify")).status_code == 404
    page = browser_for(olive).post(reverse("dashboard:audit_verify"), follow=True).content.decode()
    assert "are as they were written" in page


@pytest.mark.parametrize("count", [0, 120])
def test_a_long_trail_is_paged(olive, count, django_assert_max_num_queries):
    for n in range(count):
        write(label=f"thing {n}")
    browser = browser_for(olive)
    browser.get(URL)
    with django_assert_max_num_queries(12):
        assert browser.get(URL).status_code == 200
