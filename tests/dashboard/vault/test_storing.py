"""Storing a secret."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.urls import reverse

from integrations import outbound
from integrations.connections import probing
from secrets_vault.models import SecretField, StoredSecret

pytestmark = pytest.mark.django_db
LIVE = "sk_" + "live_" + "51AbCdEfGhIjKlMnOpQrStUvWx"


@pytest.fixture
def browser(ada):
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(ada)
    return browser


def form(acme, env: str = "production", **more: str) -> dict[str, str]:
    return {"place": str(acme.environments.get(slug=env).pk), "is_age_unknown": "on", "owner_name": "Ada", **more}


def test_a_key_is_stored_sealed_with_its_owner_and_age(browser, acme):
    data = form(acme, value_api_key="a-plain-api-key-0123456789", label="Odd API", made_on="2026-08-17")
    data.pop("is_age_unknown")
    assert browser.post(reverse("dashboard:secret_new"), data).status_code == 302
    stored = StoredSecret.objects.get(label="Odd API")
    assert (stored.owner_name, str(stored.current.made_on)) == ("Ada", "2026-08-17")
    assert b"a-plain-api-key" not in bytes(SecretField.objects.get().blob)


def test_when_the_key_was_made_must_be_answered(browser, acme):
    data = form(acme, value_api_key="a-plain-api-key-0123456789")
    data.pop("is_age_unknown")
    answer = browser.post(reverse("dashboard:secret_new"), data)
    assert answer.status_code == 422
    assert "Not known" in answer.content.decode()
    assert b"a-plain-api-key" not in answer.content


def test_a_live_key_in_staging_is_warned_of_and_stored_when_meant(browser, acme):
    data = form(acme, "staging", value_api_key=LIVE, provider_key="stripe", label="Stripe")
    answer = browser.post(reverse("dashboard:secret_new"), data)
    assert answer.status_code == 422
    assert not StoredSecret.objects.exists()
    assert LIVE.encode() not in answer.content
    assert browser.post(reverse("dashboard:secret_new"), data | {"is_warned": "on"}).status_code == 302
    assert StoredSecret.objects.get().provider_key == "stripe"


def test_a_value_is_looked_at_before_it_is_stored_and_not_kept(browser, acme):
    data = form(acme, "staging", value_api_key=LIVE, provider_key="stripe")
    answer = browser.post(reverse("dashboard:secret_check") + "?kind=api_key", data)
    assert "staging" in answer.content.decode()
    assert LIVE.encode() not in answer.content
    assert not StoredSecret.objects.exists()


def test_a_key_is_tried_before_it_is_called_good(browser, acme, monkeypatch):
    def unreachable(*_: object, **__: object) -> None:
        raise outbound.Unreachable("no network in a test")

    monkeypatch.setitem(probing.probe.__kwdefaults__, "send", unreachable)
    data = form(acme, value_api_key=LIVE, provider_key="stripe", is_callable="on")
    answer = browser.post(reverse("dashboard:secret_new"), data, follow=True)
    stored = StoredSecret.objects.get()
    assert stored.connections.get().status == "untested"
    assert stored.policy["hosts"]
    assert "Stored, and tried" in answer.content.decode()


def test_what_is_kept_elsewhere_has_an_owner_and_no_value(browser, acme):
    data = form(acme, elsewhere_place="1Password", label="Root login")
    assert browser.post(reverse("dashboard:secret_new") + "?kind=elsewhere", data).status_code == 302
    assert StoredSecret.objects.get().elsewhere_place == "1Password"
    assert not SecretField.objects.exists()


def test_nobody_stores_into_a_client_they_do_not_manage(ben, acme):
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(ben)
    answer = browser.post(reverse("dashboard:secret_new"), form(acme, value_api_key="a-plain-api-key-0123456789"))
    assert answer.status_code == 422
    assert not StoredSecret.objects.exists()
