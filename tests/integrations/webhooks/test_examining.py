"""Webhooks in backups and under the doctor's eyes: all of it comes back and opens, and what does not is named."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pyrage
import pytest

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookTarget
from integrations.webhooks import making, opening, sealing
from integrations.webhooks.examining import endpoints_are_whole
from secrets_vault import row_checks, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.backup import Lock, restore_backup, write_backup
from secrets_vault.errors import Unreadable
from secrets_vault.models import KeyTerm
from secrets_vault.secret import Secret
from tests.factories import make_client, make_webhook_delivery, make_webhook_endpoint, make_webhook_event

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY = b'{"canary": "\xff\x00 body"}'
URL = "https://n8n.example/webhook/canary-capability"
pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint():
    """An endpoint with a target, and an event that was handed on at the second try."""
    made = make_webhook_endpoint(make_client(), secret="whsec_canary")
    target = making.add_target(made, Secret(URL), actor=SYSTEM, now=NOW)
    event = make_webhook_event(made, BODY, headers=(("x-note", b"\xe9"),), event_key="evt_1", replay_digest=b"d" * 32)
    delivery = make_webhook_delivery(event, target, state="delivered", attempts=2)
    WebhookAttempt.objects.create(delivery=delivery, number=2, at=NOW, status=200)
    return made


@pytest.mark.django_db(transaction=True)
def test_everything_of_webhooks_comes_back_by_a_backup(endpoint):
    identity = pyrage.x25519.Identity.generate()
    lock = Lock(recipients=[str(identity.to_public())], identities=[Secret(str(identity))])
    out = io.BytesIO()
    write_backup(out, lock=lock)
    assert b"canary" not in out.getvalue()
    before = [list(model.objects.values()) for model in (WebhookEndpoint, WebhookTarget, WebhookEvent, WebhookDelivery)]
    WebhookEndpoint.objects.all().delete()

    restored = restore_backup(io.BytesIO(out.getvalue()), lock=lock, force=True)

    assert restored.ok
    models = (WebhookEndpoint, WebhookTarget, WebhookEvent, WebhookDelivery)
    assert [list(model.objects.values()) for model in models] == before
    event, target = WebhookEvent.objects.get(), WebhookTarget.objects.get()
    assert opening.body_of(event) == BODY
    assert ("x-note", b"\xe9") in opening.head_of(event).headers
    assert sealing.open_url(target, client=target.endpoint.client) == Secret(URL)
    assert WebhookAttempt.objects.get().status == 200


def test_every_sealed_row_is_opened(endpoint):
    before = row_checks.check_rows()
    assert before.ok
    make_webhook_event(endpoint)
    assert row_checks.check_rows().opened == before.opened + 2  # its head and its body


@pytest.mark.parametrize(
    ("model", "column", "named"),
    [
        (WebhookTarget, "url_sealed", "webhook target"),
        (WebhookEvent, "head_sealed", "head"),
        (WebhookEvent, "body_sealed", "body"),
    ],
)
def test_a_row_that_does_not_open_is_named(endpoint, model, column, named):
    blob = bytes(model._base_manager.values_list(column, flat=True).get())
    model.objects.update(**{column: blob[:-1] + bytes([blob[-1] ^ 1])})
    (name,) = row_checks.check_rows().unreadable
    assert named in name


def test_a_blob_moved_to_another_event_does_not_open(endpoint):
    other = make_webhook_event(endpoint, b"other")
    WebhookEvent.objects.filter(pk=other.pk).update(body_sealed=WebhookEvent.objects.first().body_sealed)
    WebhookEvent.objects.exclude(pk=other.pk).update(body_sealed=bytes(other.body_sealed))
    assert len(row_checks.check_rows().unreadable) >= 1


def test_a_forgotten_payload_is_no_fault(endpoint):
    WebhookEvent.objects.update(head_sealed=None, body_sealed=None, forgotten_at=NOW)
    assert row_checks.check_rows().ok


def test_without_the_clients_key_nothing_of_its_webhooks_opens(endpoint):
    KeyTerm.objects.filter(client_id=endpoint.client_id).update(wrapped_key=None, state=KeyTerm.State.DESTROYED)
    vault.forget_renewed()
    from secrets_vault import keys

    keys.forget()
    event = WebhookEvent.objects.get()
    for act in (opening.head_of, opening.body_of):
        with pytest.raises(Unreadable):
            act(event)


def test_endpoints_with_all_their_parts_are_whole(endpoint):
    make_webhook_endpoint(endpoint.client, "not-paired-yet", scheme_key="asana", secret="")
    found = endpoints_are_whole()
    assert (found.ok, found.what) == (True, "2 endpoints are whole")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda one: vault.delete(one.secret, actor=SYSTEM), "the secret of acme-stripe was deleted"),
        (lambda one: vault.destroy(one.secret, actor=SYSTEM, reason="x"), "the secret of acme-stripe was deleted"),
        (lambda one: WebhookEndpoint.objects.update(scheme_key="gone"), "the scheme of acme-stripe is not known"),
        (lambda one: vault.delete(one.targets.get().signing_secret, actor=SYSTEM), "is not signed"),
    ],
)
def test_a_missing_part_is_named_with_what_to_do(endpoint, spoil, words):
    spoil(endpoint)
    found = endpoints_are_whole()
    assert not found.ok
    assert words in found.what
    assert found.todo
