"""The demo's webhooks: every state there is, sealed like real ones, never sent, and gone with the demo."""

from __future__ import annotations

from collections import Counter

import pytest
from django.utils import timezone

from dashboard.demo_data import made, removing
from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookTarget
from integrations.webhooks import claiming, opening
from secrets_vault import row_checks
from secrets_vault.models import StoredSecret

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo():
    made.make(made.Size(clients=3, connections_each=1, calls=5, days=1), now=timezone.now())


def test_it_has_every_state_a_newcomer_should_see(demo):
    assert set(WebhookEndpoint.objects.values_list("is_demo", flat=True)) == {True}
    assert set(WebhookEvent.objects.values_list("verdict", flat=True)) == {"accepted", "quarantined"}
    assert Counter(WebhookEvent.objects.values_list("duplicates", flat=True))[2] == 1
    states = Counter(WebhookDelivery.objects.values_list("target__name", "state"))
    assert set(states) == {("DEMO n8n", "delivered"), ("DEMO n8n", "dead"), ("DEMO CRM", "waiting")}
    assert WebhookEndpoint.objects.filter(scheme_key="none").exists()


def test_the_list_is_in_the_order_in_which_they_came(demo):
    came = list(WebhookEvent.objects.order_by("-id").values_list("received_at", flat=True))
    assert came == sorted(came, reverse=True)


def test_it_is_sealed_like_a_real_one(demo):
    event = WebhookEvent.objects.filter(verdict="accepted").first()
    assert b"demo" in opening.body_of(event)
    assert b"evt_demo" not in bytes(WebhookEvent.objects.get(pk=event.pk).body_sealed)
    assert row_checks.check_rows().ok


def test_the_worker_finds_nothing_to_send(demo):
    assert WebhookDelivery.objects.filter(state="waiting").exists()
    WebhookTarget.objects.update(is_paused=False)  # even a click sends nothing
    assert not claiming.targets_with_work(timezone.now()).exists()
    WebhookEndpoint.objects.update(is_demo=False)
    assert claiming.targets_with_work(timezone.now()).exists()


def test_it_goes_with_the_demo(demo):
    removing.remove()
    for model in (WebhookEndpoint, WebhookTarget, WebhookEvent, WebhookDelivery):
        assert not model.objects.exists()
    assert not StoredSecret.objects.filter(kind="webhook_secret").exists()
