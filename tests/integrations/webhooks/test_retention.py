"""Payloads go after their time, rows much later, and nothing that still waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.models import WebhookAttempt, WebhookEvent
from integrations.webhooks import retention
from tests.factories import (
    make_client,
    make_webhook_delivery,
    make_webhook_endpoint,
    make_webhook_event,
    make_webhook_target,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    """Return a moment so many days before now."""
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("endpoint_days", "client_days", "kept"), [(None, None, 30), (None, 7, 7), (2, 7, 2), (60, 7, 60)]
)
def test_the_endpoint_says_how_long_else_the_client_else_the_installation(endpoint_days, client_days, kept):
    endpoint = make_webhook_endpoint(make_client(keep_webhooks_days=client_days), retention_days=endpoint_days)
    old = make_webhook_event(endpoint, received_at=days_ago(kept + 0.1))
    new = make_webhook_event(endpoint, received_at=days_ago(kept - 0.1))

    assert retention.forget(NOW) == 1

    old, new = (WebhookEvent.objects.get(pk=event.pk) for event in (old, new))
    assert (old.head_sealed, old.body_sealed, old.body_digest, old.forgotten_at) == (None, None, None, NOW)
    assert new.body_sealed is not None
    assert retention.forget(NOW) == 0


def test_the_row_stays_until_no_vendor_sends_a_copy_any_more():
    endpoint = make_webhook_endpoint(make_client(), retention_days=1)
    make_webhook_event(endpoint, received_at=days_ago(91), event_key="ancient")
    make_webhook_event(endpoint, received_at=days_ago(89), event_key="old")

    retention.forget(NOW)

    assert list(WebhookEvent.objects.values_list("event_key", flat=True)) == ["old"]


@pytest.mark.parametrize(("state", "is_kept"), [("waiting", True), ("sending", True), ("dead", False)])
def test_what_waits_for_its_delivery_is_kept(state, is_kept):
    endpoint = make_webhook_endpoint(make_client())
    event = make_webhook_event(endpoint, received_at=days_ago(400))
    make_webhook_delivery(event, make_webhook_target(endpoint), state=state)

    retention.forget(NOW)

    assert WebhookEvent.objects.filter(body_sealed__isnull=False).exists() is is_kept


def test_what_a_target_answered_goes_with_the_payload():
    endpoint = make_webhook_endpoint(make_client())
    event = make_webhook_event(endpoint, received_at=days_ago(31))
    delivery = make_webhook_delivery(event, make_webhook_target(endpoint), state="delivered")
    WebhookAttempt.objects.create(delivery=delivery, number=1, at=days_ago(31), status=200, response_head="x-a: b")

    retention.forget(NOW)

    assert WebhookAttempt.objects.get().response_head == ""


@pytest.mark.parametrize(("retention_days", "age", "is_kept"), [(None, 13, True), (None, 15, False), (3, 4, False)])
def test_quarantine_is_kept_two_weeks_and_no_longer_than_a_payload(retention_days, age, is_kept):
    endpoint = make_webhook_endpoint(make_client(), retention_days=retention_days)
    make_webhook_event(endpoint, received_at=days_ago(age), verdict="quarantined")

    retention.forget(NOW)

    assert WebhookEvent.objects.exists() is is_kept


def test_many_go_in_slices(monkeypatch):
    monkeypatch.setattr(retention, "SLICE", 2)
    monkeypatch.setattr(retention, "PAUSE_S", 0)
    endpoint = make_webhook_endpoint(make_client())
    for _ in range(5):
        make_webhook_event(endpoint, received_at=days_ago(31))

    assert retention.forget(NOW) == 5
