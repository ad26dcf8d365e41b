"""A provider that does not answer: on the connection's page, on Today, in mails, and what a person can do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard import counting
from dashboard.outage_needs import outage_needs
from integrations import outages
from integrations.alerts.outages import KEPT, LASTS, STAYS_OVER, look
from integrations.models import Call, Connection, Message, Outage
from secrets_vault.models import AuditEvent, User
from tests.factories import make_client

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 14, 3, tzinfo=UTC)
HUBSPOT = "https://api.hubapi.com"


def make_connection(client, slug):
    about = {"client": client, "environment": client.environments.first(), "status": "connected"}
    return Connection.objects.create(slug=slug, provider_key="hubspot", kind="bearer", **about)


def went_down(*, at=NOW, connection=None):
    pk = connection.pk if connection else None
    outages.opened(HUBSPOT, connection_id=pk, reason="failing", now=at, chance=lambda: 0.0)
    return Outage.objects.get()


@pytest.fixture
def hubspot(acme):
    return make_connection(acme, "acme-hubspot")


def test_the_page_says_since_when_how_many_calls_and_when_it_is_tried(client, ada, ben, hubspot, monkeypatch):
    outage = went_down(at=timezone.now() - timedelta(minutes=1))
    Outage.objects.update(next_try_at=timezone.now() + timedelta(minutes=1))
    for _ in range(3):
        Call.objects.create(
            at=timezone.now(), client_id=hubspot.client_id, connection_id=hubspot.pk, code="breaker_open",
            outcome="refused", method="GET", path="/x", status=503,
        )  # fmt: skip
    client.force_login(ada)
    shown = client.get(reverse("dashboard:connection", args=[hubspot.slug])).content.decode()
    assert "api.hubapi.com has not answered since" in shown
    assert "3 calls of this connection were refused so far" in shown
    assert "Next try at" in shown
    assert "Let the next call try" in shown
    monkeypatch.setattr(counting, "MOST_COUNTED", 2)
    for language, words in {"en": "More than 2 calls of this", "de": "Bisher wurden mehr als 2 Aufrufe"}.items():
        User.objects.filter(pk=ada.pk).update(language=language)
        assert words in client.get(reverse("dashboard:connection", args=[hubspot.slug])).content.decode()
    client.force_login(ben)
    shown = client.get(reverse("dashboard:connection", args=[hubspot.slug])).content.decode()
    assert "api.hubapi.com has not answered since" in shown
    assert "Let the next call try" not in shown
    outages.closed(outage.pk, now=NOW)
    assert "has not answered" not in client.get(reverse("dashboard:connection", args=[hubspot.slug])).content.decode()


def test_a_person_can_have_the_next_try_now_and_the_book_says_who(client, ada, hubspot):
    went_down(at=timezone.now())
    client.force_login(ada)
    client.post(reverse("dashboard:connection_outage_try", args=[hubspot.slug]))
    outage = Outage.objects.get()
    assert outage.is_open
    assert outage.next_try_at <= timezone.now()
    client.post(reverse("dashboard:connection_outage_reset", args=[hubspot.slug]))
    assert not Outage.objects.get().is_open
    acts = AuditEvent.objects.filter(action__startswith="outage.").order_by("seq").values_list("action", "object_id")
    assert list(acts) == [("outage.try_now", str(hubspot.pk)), ("outage.reset", str(hubspot.pk))]


def test_who_may_only_look_cannot_and_a_stranger_finds_nothing(client, ben, cora, hubspot):
    went_down(at=timezone.now())
    for user in (ben, cora):
        client.force_login(user)
        for name in ("connection_outage_try", "connection_outage_reset"):
            assert client.post(reverse(f"dashboard:{name}", args=[hubspot.slug])).status_code == 404
    assert Outage.objects.get().is_open


def test_today_has_one_line_for_a_provider_and_only_what_a_person_sees(acme, ada, cora, hubspot):
    make_connection(acme, "acme-hubspot-2")
    make_connection(make_client("beta"), "beta-hubspot")
    went_down()
    said = [waiting.words() for waiting in outage_needs(ada, now=NOW)]
    assert [need.title for need in said] == ["api.hubapi.com does not answer"]
    assert "Calls of 2 connections" in said[0].text
    assert not list(outage_needs(cora, now=NOW))


def test_while_all_answer_today_asks_once(ada, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert not list(outage_needs(ada, now=NOW))


def test_an_outage_of_one_connection_alone_is_that_ones(acme, ada, hubspot):
    other = make_connection(acme, "acme-hubspot-2")
    went_down(connection=hubspot)
    assert outages.outage_of(hubspot) is not None
    assert outages.outage_of(other) is None
    assert "Calls of 1 connection " in next(iter(outage_needs(ada, now=NOW))).words().text


def mails(kind):
    return list(Message.objects.filter(kind=kind).select_related("user"))


def test_it_is_told_once_when_it_lasts_and_once_when_it_is_over(acme, ada, hubspot):
    outage = went_down()
    assert look(NOW + LASTS - timedelta(seconds=1)) == 0
    assert look(NOW + LASTS) == 1
    assert look(NOW + 2 * LASTS) == 0
    told = [mail for mail in mails("upstream_down") if mail.user == ada]
    assert [mail.subject for mail in told] == ["api.hubapi.com does not answer"]
    assert "acme-hubspot" in told[0].body
    over = NOW + timedelta(minutes=9)
    outages.closed(outage.pk, now=over)
    assert look(over + STAYS_OVER - timedelta(seconds=1)) == 0
    assert look(over + STAYS_OVER) == 1
    assert look(over + 2 * STAYS_OVER) == 0
    assert "did not answer from" in next(mail for mail in mails("upstream_back") if mail.user == ada).body


def test_one_that_comes_and_goes_is_told_once(ada, hubspot):
    outage, at = went_down(), NOW + LASTS
    look(at)
    for _ in range(5):
        at += timedelta(seconds=20)
        outages.closed(outage.pk, now=at)
        look(at)
        at += timedelta(seconds=20)
        went_down(at=at)
        look(at + LASTS)
    assert len([mail for mail in mails("upstream_down") if mail.user == ada]) == 1
    assert not mails("upstream_back")


def test_a_stranger_is_not_told_and_a_mail_names_only_what_its_reader_sees(acme, cora, ada, hubspot):
    make_connection(make_client("beta"), "beta-hubspot")
    went_down()
    look(NOW + LASTS)
    assert cora not in [mail.user for mail in mails("upstream_down")]
    body = next(mail.body for mail in mails("upstream_down") if mail.user == ada)
    assert "acme-hubspot" in body
    assert ("beta-hubspot" in body) == ada.is_owner


def test_the_sandbox_and_the_demo_mail_nobody(acme, ada, hubspot):
    type(acme).objects.filter(pk=acme.pk).update(is_sandbox=True)
    went_down()
    look(NOW + LASTS)
    assert all(mail.state == Message.State.KEPT for mail in mails("upstream_down"))


def test_what_is_long_over_is_forgotten(hubspot):
    outage = went_down()
    outages.closed(outage.pk, now=NOW + timedelta(seconds=5))
    look(NOW + KEPT)
    assert Outage.objects.exists()
    look(NOW + KEPT + timedelta(seconds=6))
    assert not Outage.objects.exists()
