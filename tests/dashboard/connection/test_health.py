"""How often a credential is tried, and the changes that providers announce."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard.sunset_needs import sunset_needs
from integrations.connections.probing import ProbeResult, note, probe_due
from integrations.models import Connection
from integrations.sunsets import coming
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def make_connection(client, slug, provider="zendesk", kind="basic"):
    environment = client.environments.first()
    fields = {"username": Secret("a@example.com"), "password": Secret("x" * 20)}
    stored = vault.store(actor=SYSTEM, client=client, environment=environment, kind="basic", label=slug, fields=fields)
    about = {"client": client, "environment": environment, "provider_key": provider, "kind": kind}
    about["variables"] = {"subdomain": "acme"} if provider == "zendesk" else {}
    return Connection.objects.create(slug=slug, secret=stored, status="connected", probe_due_at=NOW, **about)


@pytest.fixture
def zendesk(acme):
    return make_connection(acme, "acme-zendesk")


def test_a_dated_change_is_on_today_once_with_how_many_connections_it_hits(acme, ada, cora, zendesk):
    make_connection(acme, "acme-zendesk-2")
    make_connection(make_client("beta"), "beta-zendesk")
    found = {hit.on: (hit.provider.key, hit.count) for hit in coming(ada, today=date(2026, 11, 22))}
    assert found[date(2027, 4, 30)] == ("zendesk", 2)
    assert not list(coming(cora, today=date(2026, 11, 22)))


def test_it_is_one_query_and_says_when(ada, zendesk, django_assert_num_queries):
    list(coming(ada, today=NOW.date()))
    with django_assert_num_queries(1):
        needs = [waiting.words() for waiting in sunset_needs(ada, now=NOW)]
    said = next(need for need in needs if "30 Apr 2027" in need.title)
    assert said.when == "in 159 days"
    assert "It hits 1 connection." in said.text


@pytest.mark.parametrize("today", [date(2026, 10, 1), date(2027, 7, 1)])
def test_what_is_far_off_or_long_past_is_not_on_today(ada, zendesk, today):
    assert date(2027, 4, 30) not in {hit.on for hit in coming(ada, today=today)}


def test_a_change_for_one_kind_does_not_hit_another(ada, acme):
    make_connection(acme, "acme-hubspot", provider="hubspot", kind="bearer")
    found = {hit.on for hit in coming(ada, today=NOW.date())}
    assert date(2026, 12, 4) in found, "a change for every kind"
    assert date(2027, 2, 16) not in found, "OAuth's addresses"


def test_ticked_off_it_is_gone_for_that_connection_alone(browser_of, ada, acme, zendesk):
    make_connection(acme, "acme-zendesk-2")
    browser = browser_of(ada)
    page = browser.get(reverse("dashboard:connection", args=[zendesk.slug])).content.decode()
    assert "Done for this connection" in page
    url = reverse("dashboard:connection_sunset", args=[zendesk.slug])
    assert "dealt with" in browser.post(url, {"mark": "2027-04-30"}, follow=True).content.decode()
    found = {hit.on: (hit.count, hit.slug) for hit in coming(ada, today=NOW.date())}
    assert found[date(2027, 4, 30)] == (1, "acme-zendesk-2")
    assert "no such change" in browser.post(url, {"mark": "1999-01-01"}, follow=True).content.decode()


@pytest.mark.parametrize(("every", "again"), [("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("off", None)])
def test_a_credential_is_tried_as_often_as_was_chosen(browser_of, ada, zendesk, every, again):
    browser_of(ada).post(reverse("dashboard:connection_probe_schedule", args=[zendesk.slug]), {"every": every})
    note(zendesk.pk, ProbeResult("works", ""), actor=SYSTEM, now=NOW)
    zendesk.refresh_from_db()
    assert zendesk.probe_every == every
    assert zendesk.probe_due_at == (NOW + again if again else None)


def test_one_that_is_off_is_not_tried_by_itself(zendesk):
    Connection.objects.filter(pk=zendesk.pk).update(probe_every="off", probe_due_at=NOW)
    calls = []
    assert probe_due(now=NOW, send=lambda *a, **k: calls.append(a)) == 0
    assert calls == []


def test_another_word_than_the_three_is_refused(browser_of, ada, zendesk):
    url = reverse("dashboard:connection_probe_schedule", args=[zendesk.slug])
    assert "Choose how often" in browser_of(ada).post(url, {"every": "never"}, follow=True).content.decode()


def test_a_connection_whose_provider_is_gone_still_has_its_page(browser_of, ada, acme):
    gone = make_connection(acme, "acme-gone", provider="custom-gone", kind="api_key")
    assert browser_of(ada).get(reverse("dashboard:connection", args=[gone.slug])).status_code == 200


def test_the_life_of_a_key_is_a_line_once_its_provider_said_when_it_ends(browser_of, ada, zendesk):
    url = reverse("dashboard:connection", args=[zendesk.slug])
    assert "Life of its key" not in browser_of(ada).get(url).content.decode()
    vault.note_end(zendesk.secret.current, timezone.now() + timedelta(days=20), actor=SYSTEM)
    page = browser_of(ada).get(url).content.decode()
    assert "Life of its key" in page
    assert "Key: from its issue to its end; it is alive" in page


def test_a_change_of_api_tokens_hits_no_connection_by_consent(acme, ada):
    make_connection(acme, "acme-zendesk-oauth", kind="oauth2")
    assert not [hit for hit in coming(ada, today=date(2026, 11, 22)) if hit.provider.key == "zendesk"]
