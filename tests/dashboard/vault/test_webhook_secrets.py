"""Webhook secrets age, rotate and are reported like any other, and are not taken away from under an endpoint."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations import reminders
from integrations.models import Message, WebhookEndpoint
from integrations.webhooks import endpoints, making
from secrets_vault.actor import SYSTEM
from secrets_vault.models import SecretVersion
from secrets_vault.secret import Secret
from tests.factories import make_client, make_webhook_endpoint
from tests.proving import prove

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(acme):
    return make_webhook_endpoint(acme, secret="whsec_canary", name="Payments")


@pytest.fixture
def page_of(browser_of):
    """Return what a person sees of a secret."""

    def page(user, stored):
        return browser_of(user).get(reverse("dashboard:secret", args=[stored.pk]))

    return page


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize("who", ["ada", "ben", "olive"])
def test_the_page_says_which_endpoint_uses_it(page_of, request, endpoint, who):
    shown = text_of(page_of(request.getfixturevalue(who), endpoint.secret))
    assert "webhook endpoint Payments" in shown
    assert "no connection" not in shown
    assert "canary" not in shown


def test_a_stranger_sees_neither(page_of, cora, endpoint):
    assert page_of(cora, endpoint.secret).status_code == 404


def test_the_page_of_a_signing_secret_names_the_endpoint_it_signs_for(page_of, ada, endpoint):
    target = making.add_target(endpoint, Secret("https://n8n.example/x"), actor=SYSTEM, now=timezone.now())
    assert "webhook endpoint Payments" in text_of(page_of(ada, target.signing_secret))


@pytest.mark.parametrize("of_what", ["secret", "signing_secret"])
def test_a_secret_in_use_is_not_deleted(browser_of, ada, endpoint, of_what):
    target = making.add_target(endpoint, Secret("https://n8n.example/x"), actor=SYSTEM, now=timezone.now())
    stored = getattr(endpoint if of_what == "secret" else target, of_what)
    browser = browser_of(ada)
    prove(browser)
    answer = browser.post(reverse("dashboard:secret_delete", args=[stored.pk]), follow=True)
    assert "is used by the webhook endpoint Payments" in text_of(answer)
    stored.refresh_from_db()
    assert stored.deleted_at is None


def test_a_secret_no_endpoint_uses_any_more_can_be_deleted(browser_of, ada, endpoint):
    WebhookEndpoint.objects.update(secret=None)
    browser = browser_of(ada)
    prove(browser)
    browser.post(reverse("dashboard:secret_delete", args=[endpoint.secret.pk]))
    endpoint.secret.refresh_from_db()
    assert endpoint.secret.deleted_at is not None


def test_a_new_version_put_in_on_the_page_leaves_the_one_before_valid_for_a_day(browser_of, ada, endpoint):
    browser = browser_of(ada)
    prove(browser)
    url = reverse("dashboard:secret_replace", args=[endpoint.secret.pk])
    form = {
        "value_secret": "whsec_new",
        "made_on": timezone.localdate().isoformat(),
        "read": endpoint.secret.current_id,
    }
    answer = browser.post(url, form, follow=True)
    assert answer.status_code == 200
    assert "counts until" in text_of(answer)
    known = endpoints.load(endpoint.slug)
    assert known.secrets(timezone.now()) == (Secret("whsec_new"), Secret("whsec_canary"))
    assert known.secrets(timezone.now() + timedelta(days=1, minutes=1)) == (Secret("whsec_new"),)


def test_the_vault_lists_it_and_can_be_narrowed_to_its_kind(browser_of, ada, endpoint):
    shown = text_of(browser_of(ada).get(reverse("dashboard:vault"), {"kind": "webhook_secret"}))
    assert "acme-stripe" in shown
    assert "Webhook secret" in shown


def test_it_stands_on_the_rotation_board_of_those_who_see_the_client(browser_of, ada, cora, endpoint):
    SecretVersion.objects.update(made_on=date(2024, 1, 1))
    assert "acme-stripe" in text_of(browser_of(ada).get(reverse("dashboard:rotations")))
    assert "acme-stripe" not in text_of(browser_of(cora).get(reverse("dashboard:rotations")))


def test_it_is_told_of_when_it_is_overdue(ada, olive, endpoint):
    SecretVersion.objects.update(made_on=timezone.localdate() - timedelta(days=91))
    reminders.remind(timezone.now())
    told = Message.objects.filter(kind="rotation_overdue", user=ada).get()
    assert endpoint.secret.label in told.subject + told.body
    assert "canary" not in told.body


def test_another_clients_endpoint_is_not_named(page_of, ada, endpoint):
    make_webhook_endpoint(make_client("Beta"), "beta-stripe", secret="whsec_canary")
    assert "beta-stripe" not in text_of(page_of(ada, endpoint.secret))
