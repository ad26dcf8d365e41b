"""The board of what is due, and snoozing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, StoredSecret
from secrets_vault.secret import Secret

pytestmark = pytest.mark.django_db
URL = "/rotations/"


def browser_for(user) -> Browser:
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


def make_key(client, label: str, age_days: int | None) -> StoredSecret:
    made_on = None if age_days is None else timezone.localdate() - timedelta(days=age_days)
    environment = client.environments.first()
    fields = {"api_key": Secret(f"value-of-{label}-0123456789")}
    return vault.store(
        actor=COMMAND,
        client=client,
        environment=environment,
        kind="api_key",
        label=label,
        fields=fields,
        made_on=made_on,
    )


def test_an_old_key_and_one_of_unknown_age_are_due(ada, acme):
    make_key(acme, "Old", 97)
    make_key(acme, "Mystery", None)
    make_key(acme, "Young", 3)
    page = browser_for(ada).get(URL).content.decode()
    assert "97 days" in page
    assert "7 days over" in page
    assert "age unknown" in page
    assert "2 due · 0 due soon" in page


def test_a_stranger_sees_an_empty_board(cora, acme):
    make_key(acme, "Old", 97)
    page = browser_for(cora).get(URL).content.decode()
    assert "Old" not in page
    assert "Nothing to rotate yet" in page


def test_the_board_names_who_owns_a_key(ada, ben, acme):
    StoredSecret.objects.filter(pk=make_key(acme, "Written", 97).pk).update(owner_name="Zoe Outside", owner=ben)
    StoredSecret.objects.filter(pk=make_key(acme, "Known", 97).pk).update(owner=ben)
    page = browser_for(ada).get(URL).content.decode()
    assert re.findall(r'data-l="Owner">([^<]*)<', page) == [ben.name, "Zoe Outside"]


def test_chosen_keys_are_snoozed_with_a_reason_and_awoken(ada, acme):
    key = make_key(acme, "Old", 97)
    browser = browser_for(ada)
    data = {"chosen": [str(key.pk)], "days": "14", "reason": "launch week", "do": "snooze"}
    assert browser.post(reverse("dashboard:snooze"), data).status_code == 302
    assert "launch week" in browser.get(URL).content.decode()
    assert AuditEvent.objects.filter(action="rotation.snoozed").exists()
    browser.post(reverse("dashboard:snooze"), {"chosen": [str(key.pk)], "do": "wake"})
    assert StoredSecret.objects.get().snoozed_until is None


def test_a_whole_client_is_snoozed(ada, acme):
    make_key(acme, "Old", 97)
    browser = browser_for(ada)
    browser.post(reverse("dashboard:snooze"), {"client": "acme", "days": "7", "do": "snooze"})
    acme.refresh_from_db()
    assert acme.snoozed_until == timezone.localdate() + timedelta(days=7)
    assert "1 snoozed" in browser.get(URL).content.decode()


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_not_manage_cannot_snooze(request, who, acme):
    key = make_key(acme, "Old", 97)
    browser = browser_for(request.getfixturevalue(who))
    browser.post(reverse("dashboard:snooze"), {"chosen": [str(key.pk)], "days": "7", "do": "snooze"})
    assert browser.post(reverse("dashboard:snooze"), {"client": "acme", "days": "7"}).status_code == 404
    assert StoredSecret.objects.get().snoozed_until is None


@pytest.mark.parametrize("chosen", [["not-an-id"], ["x' OR 1=1 --"], []])
def test_a_broken_choice_changes_nothing(ada, acme, chosen):
    make_key(acme, "Old", 97)
    answer = browser_for(ada).post(reverse("dashboard:snooze"), {"chosen": chosen, "days": "7", "do": "snooze"})
    assert answer.status_code == 302
    assert StoredSecret.objects.get().snoozed_until is None


@pytest.mark.parametrize("count", [0, 1, 150])
def test_the_board_costs_the_same_whatever_its_length(olive, acme, count, django_assert_max_num_queries):
    for n in range(count):
        make_key(acme, f"Key {n}", 10 + n)
    browser = browser_for(olive)
    browser.get(URL)
    with django_assert_max_num_queries(12):
        assert browser.get(URL).status_code == 200
    assert browser.get(URL, {"from": "100"}).status_code == 200


def test_the_board_downloads_as_csv_without_formulas(ada, acme):
    make_key(acme, "=cmd()", 97)
    text = b"".join(browser_for(ada).get(URL, {"format": "csv"}).streaming_content).decode()
    assert "'=cmd()" in text
    assert ",97," in text
