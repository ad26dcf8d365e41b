"""The list of troubles: who sees which, snoozing, and ten thousand of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import alerts
from integrations.models import AlertEpisode, Connection
from secrets_vault.models import AuditEvent
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def make_connection(client, slug="hubspot"):
    about = {"client": client, "environment": client.environments.first(), "provider_key": "hubspot", "kind": "oauth2"}
    return Connection.objects.create(slug=f"{client.slug}-{slug}", label=f"{client.name} {slug}", **about)


@pytest.fixture
def trouble(acme):
    return alerts.failing(make_connection(acme), code="x", now=timezone.now(), failed=5)


def text(answer) -> str:
    return answer.content.decode()


def test_without_trouble_the_page_says_so(browser_of, ada):
    assert "Nothing is open" in text(browser_of(ada).get("/alerts/"))


@pytest.mark.parametrize(
    ("who", "sees", "may"), [("olive", True, True), ("ada", True, True), ("ben", True, False), ("cora", False, False)]
)
def test_who_sees_a_trouble_and_who_may_snooze_it(request, browser_of, trouble, who, sees, may):
    browser = browser_of(request.getfixturevalue(who))
    page = text(browser.get("/alerts/"))
    assert ("Acme hubspot" in page) is sees
    assert (f"/alerts/{trouble.pk}/snooze/" in page) is may
    status = browser.post(f"/alerts/{trouble.pk}/snooze/", {"hours": "24"}).status_code
    trouble.refresh_from_db()
    assert (status == 302, trouble.snoozed_until is not None) == (may, may)


def test_a_snooze_is_shown_and_taken_back(browser_of, ada, trouble):
    browser = browser_of(ada)
    page = text(browser.post(f"/alerts/{trouble.pk}/snooze/", {"hours": "24"}, follow=True))
    assert "Snoozed" in page
    assert "Tell me again" in page
    browser.post(f"/alerts/{trouble.pk}/snooze/", {"do": "wake"})
    trouble.refresh_from_db()
    assert trouble.snoozed_until is None
    actions = AuditEvent.objects.filter(action__startswith="alert.").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["alert.snoozed", "alert.woken"]


@pytest.mark.parametrize("hours", ["", "0", "-1", "x", "99999", "9" * 50, "²"])
def test_a_snooze_of_no_length_is_refused(browser_of, ada, trouble, hours):
    page = text(browser_of(ada).post(f"/alerts/{trouble.pk}/snooze/", {"hours": hours}, follow=True))
    assert "Choose a time within the next 90 days." in page
    trouble.refresh_from_db()
    assert trouble.snoozed_until is None


def test_what_is_over_has_a_list_of_its_own(browser_of, ada, trouble):
    alerts.recovered(trouble.connection, now=timezone.now())
    browser = browser_of(ada)
    assert "Nothing is open" in text(browser.get("/alerts/"))
    assert "Acme hubspot" in text(browser.get("/alerts/?over=1"))


def test_ten_thousand_troubles_are_read_page_by_page(browser_of, olive, acme, at_most_queries):
    connection, now = make_connection(acme), timezone.now()
    AlertEpisode.objects.bulk_create(
        AlertEpisode(
            kind="failing",
            about=f"test:{number}",
            client=acme,
            connection=connection,
            opened_at=now - timedelta(seconds=number),
            told_at=now,
        )
        for number in range(10_000)
    )
    browser = browser_of(olive)
    browser.get("/settings/alerts/")
    with at_most_queries(12, calls=2):
        page = text(browser.get("/alerts/"))
    assert page.count("<tr data-row>") == 50
    assert page.count("Acme hubspot</a>") == 50


def test_a_client_of_somebody_else_stays_out(browser_of, ada):
    alerts.failing(make_connection(make_client("beta", name="Beta")), code="x", now=timezone.now(), failed=5)
    assert "Beta" not in text(browser_of(ada).get("/alerts/"))
