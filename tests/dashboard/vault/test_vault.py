"""The vault's pages: nothing is shown before it is asked for, and strangers find nothing."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client as Browser
from django.urls import reverse

from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, SecretField, StoredSecret
from secrets_vault.secret import Secret
from tests.proving import prove

pytestmark = pytest.mark.django_db
CANARY = "canary-value-0123456789-abcd"


@pytest.fixture
def key(acme) -> StoredSecret:
    return make_key(acme)


def make_key(client, label: str = "Stripe key", value: str = CANARY, **more: object) -> StoredSecret:
    more.setdefault("environment", client.environments.first())
    return vault.store(
        actor=COMMAND, client=client, kind="api_key", label=label, fields={"api_key": Secret(value)}, **more
    )


@pytest.fixture
def signed_in():
    def open_for(user):
        browser = Browser(SERVER_NAME="localhost")
        browser.force_login(user)
        return browser

    return open_for


@pytest.mark.parametrize("name", ["secret", "secret_edit", "secret_replace"])
def test_a_stranger_finds_no_secret(signed_in, cora, key, name):
    browser = signed_in(cora)
    prove(browser)
    assert browser.get(reverse(f"dashboard:{name}", args=[key.pk])).status_code == 404


@pytest.mark.parametrize("name", ["secret_reveal", "secret_copy", "secret_delete", "secret_undelete"])
@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_only_look_cannot_open_or_end_a_secret(signed_in, request, key, name, who):
    browser = signed_in(request.getfixturevalue(who))
    prove(browser)
    answer = browser.post(reverse(f"dashboard:{name}", args=[key.pk]), {"field": "api_key"})
    assert answer.status_code == 404
    assert CANARY.encode() not in answer.content


@pytest.mark.parametrize("who", ["ada", "ben"])
def test_no_page_of_the_vault_holds_a_value(signed_in, request, key, who):
    browser = signed_in(request.getfixturevalue(who))
    for url in (reverse("dashboard:vault"), reverse("dashboard:secret", args=[key.pk])):
        page = browser.get(url)
        assert page.status_code == 200
        assert CANARY.encode() not in page.content
        assert b"****abcd" in page.content


def test_a_value_is_shown_only_after_the_person_proved_who_they_are(signed_in, ada, key):
    browser = signed_in(ada)
    url = reverse("dashboard:secret_reveal", args=[key.pk])
    refused = browser.post(url, {"field": "api_key"}, headers={"accept": "application/json"})
    assert refused.status_code == 401
    assert refused.json()["url"].startswith("/accounts/reauthenticate/")
    assert not AuditEvent.objects.filter(action="secret.revealed").exists()


@pytest.mark.django_db(transaction=True)
def test_a_revealed_value_is_in_the_book_and_in_no_cache(signed_in, ada, key):
    browser = signed_in(ada)
    prove(browser)
    url = reverse("dashboard:secret_reveal", args=[key.pk])
    answer = browser.post(url, {"field": "api_key"}, headers={"accept": "application/json"})
    assert answer.json() == {"value": CANARY, "seconds": 30}
    assert "no-store" in answer.headers["Cache-Control"]
    event = AuditEvent.objects.get(action="secret.revealed")
    assert (event.actor_label, event.object_id) == ("Ada", str(key.pk))


@pytest.mark.django_db(transaction=True)
def test_without_javascript_the_value_is_a_page_that_leaves_by_itself(signed_in, ada, key):
    browser = signed_in(ada)
    prove(browser)
    page = browser.post(reverse("dashboard:secret_reveal", args=[key.pk]), {"field": "api_key"})
    assert CANARY.encode() in page.content
    assert page.headers["Refresh"].startswith("30;url=/vault/")


def test_a_new_version_is_stored_and_the_old_one_restored(signed_in, ada, key):
    browser = signed_in(ada)
    prove(browser)
    url = reverse("dashboard:secret_replace", args=[key.pk])
    answer = browser.post(url, {"value_api_key": "another-value-9876543210-wxyz", "made_on": "2026-11-01"})
    assert answer.status_code == 302
    key.refresh_from_db()
    assert (key.current.number, key.current.made_on) == (2, date(2026, 11, 1))
    browser.post(reverse("dashboard:secret_restore", args=[key.pk, 1]))
    key.refresh_from_db()
    assert (key.current.number, key.current.restored_from) == (3, 1)


def test_a_version_stored_by_somebody_else_meanwhile_is_not_lost(signed_in, ada, key):
    browser = signed_in(ada)
    prove(browser)
    read = key.current_id
    vault.replace(key, {"api_key": Secret("somebody-elses-value-1234")}, actor=COMMAND)
    answer = browser.post(
        reverse("dashboard:secret_replace", args=[key.pk]),
        {"value_api_key": "my-own-value-1234567890", "is_age_unknown": "on", "read_version": str(read)},
    )
    assert answer.status_code == 422
    assert b"newer version" in answer.content
    assert b"my-own-value" not in answer.content


def test_the_same_value_elsewhere_is_told_as_far_as_one_may_see(signed_in, ada, acme, key):
    from tests.factories import make_client

    make_key(acme, "Copy in staging", environment=acme.environments.last())
    make_key(make_client("secret-other", name="Hidden Ltd"), "Copy at another client")
    page = signed_in(ada).get(reverse("dashboard:secret", args=[key.pk])).content.decode()
    assert "The same value is also at" in page
    assert "Copy in staging" in page
    assert "Copy at another client" not in page


def test_a_deleted_secret_can_be_brought_back(signed_in, ada, key):
    browser = signed_in(ada)
    prove(browser)
    browser.post(reverse("dashboard:secret_delete", args=[key.pk]))
    key.refresh_from_db()
    assert key.deleted_at is not None
    assert b"Stripe key" not in browser.get(reverse("dashboard:vault")).content.split(b"secret-rows")[-1]
    browser.post(reverse("dashboard:secret_undelete", args=[key.pk]))
    key.refresh_from_db()
    assert key.deleted_at is None


@pytest.mark.parametrize("count", [0, 1, 60])
def test_the_list_costs_the_same_whatever_its_length(signed_in, olive, acme, count, django_assert_max_num_queries):
    for n in range(count):
        make_key(acme, f"Key {n}", f"value-number-{n}-0123456789")
    browser = signed_in(olive)
    browser.get(reverse("dashboard:vault"))
    with django_assert_max_num_queries(12):
        assert browser.get(reverse("dashboard:vault")).status_code == 200


def test_search_finds_by_name_and_last_four(signed_in, ada, acme, key):
    make_key(acme, "OpenAI key", "other-value-0123456789-zzzz")
    browser = signed_in(ada)
    for q in ("stripe", "abcd"):
        rows = browser.get(reverse("dashboard:vault"), {"q": q}, headers={"hx-request": "true"}).content
        assert b"Stripe key" in rows
        assert b"OpenAI key" not in rows


def test_a_value_that_does_not_open_says_so_and_stays_while_the_rest_is_saved(signed_in, ada, acme):
    login = vault.store(
        actor=COMMAND,
        client=acme,
        environment=acme.environments.first(),
        kind="basic",
        label="Shop",
        fields={"username": Secret("ada"), "password": Secret(CANARY)},
    )
    row = SecretField.objects.get(version__secret=login, name="password")
    broken = bytes(row.blob)[:-1] + bytes([bytes(row.blob)[-1] ^ 1])
    SecretField.objects.filter(pk=row.pk).update(blob=broken)
    browser = signed_in(ada)
    prove(browser)
    said = browser.post(reverse("dashboard:secret_reveal", args=[login.pk]), {"field": "password"})
    assert (said.status_code, CANARY in said.content.decode()) == (409, False)
    assert "This value is unreadable" in said.content.decode()
    form = {"label": "Shop, renamed", "rotate_on": ""}
    assert browser.post(reverse("dashboard:secret_edit", args=[login.pk]), form).status_code == 302
    login.refresh_from_db()
    row.refresh_from_db()
    assert (login.label, bytes(row.blob)) == ("Shop, renamed", broken)
