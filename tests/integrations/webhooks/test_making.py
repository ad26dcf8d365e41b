"""Endpoints are made whole or not at all, and a secret that rolls leaves the one before valid for a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from integrations.models import WebhookEndpoint, WebhookTarget
from integrations.webhooks import endpoints, making, rolling
from integrations.webhooks.making import CannotMakeEndpoint
from secrets_vault import audit, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent, StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client, make_webhook_delivery, make_webhook_endpoint, make_webhook_event

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OLD, NEW = Secret("whsec_old"), Secret("whsec_new")


@pytest.fixture
def endpoint():
    return make_webhook_endpoint(make_client(), secret=OLD.expose())


def make(**about):
    client = make_client()
    wanted = {"slug": "acme-stripe", "scheme_key": "stripe", "actor": SYSTEM, "now": NOW, "secret": OLD} | about
    return making.create_endpoint(client, client.environments.first(), **wanted)


def secrets_of(endpoint, now=None):
    return endpoints.load(endpoint.slug).secrets(now or timezone.now())


def test_a_new_endpoint_has_its_secret_in_the_vault_and_stands_in_the_book():
    made = make(name="Payments", per_minute=60)
    assert secrets_of(made) == (OLD,)
    assert (made.secret.kind, made.secret.client) == ("webhook_secret", made.client)
    assert AuditEvent.objects.filter(action="webhook.created", object_id=str(made.pk)).count() == 1
    assert audit.verify().ok


@pytest.mark.parametrize(
    ("about", "field"),
    [
        ({"slug": "new"}, "slug"),
        ({"slug": "Acme!"}, "slug"),
        ({"scheme_key": "strype"}, "scheme"),
        ({"scheme_key": "none"}, "scheme"),
        ({"scheme_key": "custom"}, "custom"),
        ({"custom": {}}, "custom"),
        ({"scheme_key": "custom", "custom": {"proofs": []}}, "custom.proofs"),
        ({"ip_ranges": ["192.0.2.1/24"]}, "ip_ranges"),
    ],
)
def test_an_endpoint_that_cannot_be_is_not_made(about, field):
    with pytest.raises(CannotMakeEndpoint) as refused:
        make(**about)
    assert refused.value.field == field
    assert not WebhookEndpoint.objects.exists()
    assert not StoredSecret.objects.filter(kind="webhook_secret").exists()


def test_a_slug_that_is_taken_is_refused(endpoint):
    with pytest.raises(CannotMakeEndpoint, match="already a webhook endpoint acme-stripe"):
        making.create_endpoint(
            endpoint.client, endpoint.environment, slug="acme-stripe", scheme_key="github", actor=SYSTEM, now=NOW
        )


def test_an_endpoint_without_verification_must_be_asked_for(endpoint):
    with pytest.raises(CannotMakeEndpoint):
        making.change_endpoint(endpoint, actor=SYSTEM, scheme_key="none")
    changed = making.change_endpoint(endpoint, actor=SYSTEM, scheme_key="none", is_verified_required=False)
    assert changed == ["is_verified_required", "scheme_key"]
    with pytest.raises(CannotMakeEndpoint):
        making.change_endpoint(endpoint, actor=SYSTEM, is_verified_required=True)


def test_what_is_the_same_is_no_change_and_no_event(endpoint):
    before = AuditEvent.objects.count()
    assert making.change_endpoint(endpoint, actor=SYSTEM, name=endpoint.name, scheme_key="stripe") == []
    assert AuditEvent.objects.count() == before


def test_the_secret_before_counts_for_a_day_and_no_longer(endpoint):
    assert making.set_secret(endpoint, NEW, actor=SYSTEM)
    assert secrets_of(endpoint) == (NEW, OLD)
    assert secrets_of(endpoint, timezone.now() + timedelta(hours=25)) == (NEW,)


def test_so_it_does_when_the_secret_is_replaced_on_its_own_page(endpoint):
    vault.replace(endpoint.secret, {"secret": NEW}, actor=SYSTEM)
    assert secrets_of(endpoint) == (NEW, OLD)


def test_so_it_does_when_an_old_version_is_brought_back(endpoint):
    vault.replace(endpoint.secret, {"secret": NEW}, actor=SYSTEM)
    WebhookEndpoint.objects.update(previous_until=None)
    vault.restore(endpoint.secret, 1, actor=SYSTEM)
    assert secrets_of(endpoint) == (OLD, NEW)


def test_a_waiting_version_moves_nothing_until_it_is_promoted(endpoint):
    version = vault.replace(endpoint.secret, {"secret": NEW}, actor=SYSTEM, pending=True)
    assert secrets_of(endpoint) == (OLD,)
    vault.promote(version, actor=SYSTEM)
    assert secrets_of(endpoint) == (NEW, OLD)


def test_a_replaced_key_of_another_kind_touches_no_endpoint(endpoint):
    about = {"actor": SYSTEM, "client": endpoint.client, "environment": None, "label": "x"}
    key = vault.store(**about, kind="api_key", fields={"api_key": OLD})
    WebhookEndpoint.objects.update(secret=key)
    vault.replace(key, {"api_key": NEW}, actor=SYSTEM)
    assert WebhookEndpoint.objects.get().previous_until is None


def test_a_roll_can_be_ended_at_once(endpoint):
    making.set_secret(endpoint, NEW, actor=SYSTEM)
    rolling.end_roll(endpoint, actor=SYSTEM)
    assert secrets_of(endpoint) == (NEW,)
    assert AuditEvent.objects.filter(action="webhook.roll_ended").count() == 1


def test_a_target_signs_with_a_secret_of_its_own(endpoint):
    target = making.add_target(endpoint, Secret("https://n8n.example/webhook/capability"), actor=SYSTEM, now=NOW)
    other = making.add_target(endpoint, Secret("https://make.example/capability"), actor=SYSTEM, now=NOW)
    assert not vault.same_value(target.signing_secret).exists()
    assert target.signing_secret.label == "acme-stripe to n8n.example"
    assert target.signing_secret.current.made_on == NOW.date()
    assert "capability" not in f"{target.url_masked} {other} {list(AuditEvent.objects.values())}"


def test_a_target_for_which_events_wait_is_not_removed(endpoint):
    target = making.add_target(endpoint, Secret("https://n8n.example/x"), actor=SYSTEM, now=NOW)
    delivery = make_webhook_delivery(make_webhook_event(endpoint), target)
    with pytest.raises(CannotMakeEndpoint, match="1 events still wait"):
        making.remove_target(target, actor=SYSTEM)
    delivery.delete()
    making.remove_target(target, actor=SYSTEM)
    assert not WebhookTarget.objects.exists()
    assert StoredSecret.objects.get(label="acme-stripe to n8n.example").deleted_at is not None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://n8n.example/webhook/0f3c1a5e-capability", "https://n8n.example/webhook/****"),
        ("https://any.example/capability", "https://any.example/****"),
        ("https://any.example:8443/?id=capability", "https://any.example:8443/****"),
        ("https://any.example/", "https://any.example/"),
        ("https://any.example", "https://any.example"),
    ],
)
def test_an_address_may_be_a_capability_on_any_host(endpoint, url, shown):
    assert making.add_target(endpoint, Secret(url), actor=SYSTEM, now=NOW).url_masked == shown
