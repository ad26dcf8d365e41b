"""What arrives is sealed before it is stored, once for each identity, with its deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from integrations.models import WebhookDelivery, WebhookEvent
from integrations.webhooks import opening, quarantine, sealing, storing
from integrations.webhooks.opening import Forgotten
from secrets_vault.errors import Unreadable
from secrets_vault.masking import lately
from tests.factories import (
    make_client,
    make_membership,
    make_user,
    make_webhook_delivery,
    make_webhook_endpoint,
    make_webhook_event,
    make_webhook_target,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BODY = b'{"id": "evt_1", "email": "canary-payload@example.com"}'


@pytest.fixture
def endpoint() -> Any:
    """Return Acme's endpoint for Stripe."""
    return make_webhook_endpoint(make_client())


def request(endpoint: Any, body: bytes = BODY, *, headers: tuple[tuple[str, bytes], ...] = ()) -> Any:
    """Return a request as the inlet hands it on."""
    url = f"https://hooks.example/hooks/{endpoint.slug}?token=canary-capability"
    return SimpleNamespace(method="POST", url=url, headers=(("content-type", b"application/json"), *headers), body=body)


def verified(event_id: str | None = "evt_1", *, is_signed: bool = True, digest: bytes = b"d" * 32) -> Any:
    """Return what the engine says of a genuine request."""
    return SimpleNamespace(
        event_id=event_id,
        is_id_signed=is_signed,
        signed_at=NOW,
        replay_digest=digest,
        event_type="invoice.paid",
        secret_number=1,
    )


def refused() -> Any:
    """Return what the engine says of a forged one."""
    return SimpleNamespace(reason="mismatch", why="The signature is another one.")


def test_an_event_is_stored_with_a_delivery_for_each_target(endpoint):
    targets = {make_webhook_target(endpoint).pk, make_webhook_target(endpoint).pk}

    stored = storing.store(endpoint, request(endpoint), verified(), now=NOW, remote_ip="203.0.113.9")

    event = WebhookEvent.objects.get(pk=stored.id)
    assert (event.verdict, event.event_type, event.remote_ip) == ("accepted", "invoice.paid", "203.0.113.9")
    assert set(WebhookDelivery.objects.filter(event=event).values_list("target", flat=True)) == targets
    assert opening.body_of(event) == BODY
    assert opening.head_of(event).url.endswith("?token=canary-capability")


def test_the_database_holds_nothing_of_a_request_in_the_clear(endpoint):
    make_webhook_target(endpoint, "https://n8n.example/webhook/canary-capability")
    storing.store(endpoint, request(endpoint), verified(), now=NOW)
    quarantine.keep(endpoint, request(endpoint), refused(), now=NOW)

    with connection.cursor() as cursor:
        for table in ("webhookevent", "webhookendpoint", "webhooktarget", "webhookdelivery"):
            cursor.execute(f"SELECT * FROM integrations_{table}")
            told = repr([[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor.fetchall()])
            assert "canary" not in told


def test_a_payload_stays_out_of_the_memory_of_the_log(endpoint):
    lately.LATELY.forget()

    make_webhook_event(endpoint, b"a payload is no credential")

    assert len(lately.LATELY) == 0


@pytest.mark.parametrize(
    ("first", "second", "is_duplicate"),
    [
        (verified("a"), verified("a", digest=b"e" * 32), True),
        (verified("a"), verified("b", digest=b"e" * 32), False),
        (verified("a"), verified(None), True),
        (verified("a", is_signed=False), verified("b", is_signed=False), True),
        (verified("a", is_signed=False), verified("a", is_signed=False, digest=b"e" * 32), True),
        (verified("a", is_signed=False), verified("b", is_signed=False, digest=b"e" * 32), False),
        (verified(None), verified(None), True),
        (verified(None), verified(None, digest=b"e" * 32), False),
        (verified("x" * 5000), verified("x" * 5000, digest=b"e" * 32), True),
        (verified("x" * 5000), verified("x" * 4999 + "y", digest=b"e" * 32), False),
        (verified("a\0"), verified("a\0"), True),
    ],
)
def test_the_same_event_is_stored_once(endpoint, first, second, is_duplicate):
    make_webhook_target(endpoint)
    one = storing.store(endpoint, request(endpoint), first, now=NOW)
    later = NOW + timedelta(minutes=1)

    two = storing.store(endpoint, request(endpoint), second, now=later)

    assert two.is_duplicate is is_duplicate
    assert (two.id == one.id) is is_duplicate
    assert WebhookDelivery.objects.count() == WebhookEvent.objects.count() == (1 if is_duplicate else 2)
    assert WebhookEvent.objects.get(pk=one.id).duplicates == int(is_duplicate)


def test_copies_in_one_batch_are_one_event(endpoint):
    arrivals = [storing.Arrival(endpoint, request(endpoint), verified(), NOW) for _ in range(5)]

    answers = storing.write(arrivals)

    assert [answer.is_duplicate for answer in answers].count(False) == 1
    assert len({answer.id for answer in answers}) == 1
    assert WebhookEvent.objects.get().duplicates == 4


def test_an_event_without_keys_that_is_written_again_is_itself(endpoint):
    make_webhook_event(endpoint)
    arrival = storing.Arrival(endpoint, request(endpoint), verified(None, digest=b""), NOW)

    first, again = storing.write([arrival]), storing.write([arrival])

    assert (first[0].id, again[0].id, again[0].is_duplicate) == (arrival.id, arrival.id, True)
    assert WebhookEvent.objects.count() == 2


def test_the_same_id_at_another_endpoint_is_another_event(endpoint):
    other = make_webhook_endpoint(endpoint.client, "acme-other")

    storing.store(endpoint, request(endpoint), verified(), now=NOW)

    assert not storing.store(other, request(other), verified(), now=NOW).is_duplicate


def test_a_refused_request_takes_no_id(endpoint):
    quarantine.keep(endpoint, request(endpoint), refused(), now=NOW)

    assert not storing.store(endpoint, request(endpoint), verified(), now=NOW).is_duplicate


def test_a_payload_opens_only_in_its_own_row_and_client(endpoint):
    event, other = make_webhook_event(endpoint, BODY), make_webhook_event(endpoint, BODY)
    other.body_sealed = event.body_sealed
    with pytest.raises(Unreadable):
        opening.body_of(other)
    event.client_id = make_client("other").pk
    with pytest.raises(Unreadable):
        opening.body_of(event)


def test_a_person_sees_an_event_masked_and_a_stranger_sees_none(endpoint):
    ben, cora = make_user("Ben", is_owner=False), make_user("Cora", is_owner=False)
    make_membership(ben, endpoint.client, role="viewer")
    signature = ("stripe-signature", b"t=1,v1=" + b"ab" * 32)
    event = make_webhook_event(endpoint, b'{"password": "hunter2-hunter2", "n": 1}', headers=(signature,))

    seen = opening.read_event(event, user=ben)

    assert "hunter2" not in seen.body
    assert '"n"' in seen.body
    assert "ab" * 32 not in seen.head
    with pytest.raises(WebhookEvent.DoesNotExist):
        opening.read_event(event, user=cora)


def test_what_the_client_holds_is_masked_in_a_payload(endpoint):
    event = make_webhook_event(make_webhook_endpoint(endpoint.client, "b", secret="a plain secret"), b"a plain secret")

    assert "plain" not in opening.read_event(event, user=make_user(is_owner=True)).body


def test_a_forgotten_payload_is_told_apart(endpoint):
    event = make_webhook_event(endpoint)
    WebhookEvent.objects.update(head_sealed=None, body_sealed=None)

    with pytest.raises(Forgotten):
        opening.body_of(WebhookEvent.objects.get(pk=event.pk))


def test_a_list_of_events_reads_no_ciphertext(endpoint, django_assert_num_queries):
    make_webhook_event(endpoint)
    ada = make_user(is_owner=True)

    with django_assert_num_queries(1) as asked:
        list(WebhookEvent.objects.visible_to(ada))
    assert "body_sealed" not in asked.captured_queries[-1]["sql"]


def test_a_targets_address_opens_again(endpoint):
    target = make_webhook_target(endpoint, "https://n8n.example/webhook/abc-def")

    target.refresh_from_db()

    assert sealing.open_url(target, client=endpoint.client).expose() == "https://n8n.example/webhook/abc-def"
    assert "abc-def" not in target.url_masked


@pytest.mark.parametrize("kind", ["endpoint", "target", "event", "delivery"])
def test_only_who_may_see_the_client_sees_its_webhooks(endpoint, kind):
    ada, cora = make_user("Ada", is_owner=False), make_user("Cora", is_owner=False)
    make_membership(ada, endpoint.client)
    target, event = make_webhook_target(endpoint), make_webhook_event(endpoint)
    rows = {"endpoint": endpoint, "target": target, "event": event, "delivery": make_webhook_delivery(event, target)}
    model = type(rows[kind])

    assert model.objects.visible_to(ada).get() == rows[kind]
    assert not model.objects.visible_to(cora).exists()
    assert not model.objects.manageable_by(cora).exists()


def test_quarantine_is_bounded_and_the_loudest_gives_way(endpoint, monkeypatch):
    monkeypatch.setattr(quarantine, "MOST", 5)
    kept = quarantine.keep(endpoint, request(endpoint), refused(), now=NOW, remote_ip="198.51.100.1")

    for second in range(9):
        quarantine.keep(endpoint, request(endpoint), refused(), now=NOW + timedelta(seconds=second), remote_ip="::1")

    assert quarantine.in_quarantine(endpoint).count() == 5
    assert quarantine.in_quarantine(endpoint).filter(pk=kept).exists()


def test_quarantine_is_bounded_in_bytes_and_time(endpoint, monkeypatch):
    monkeypatch.setattr(quarantine, "MOST_BYTES", 250)

    for second in range(4):
        quarantine.keep(endpoint, request(endpoint, b"x" * 100), refused(), now=NOW + timedelta(seconds=second))

    assert quarantine.in_quarantine(endpoint).count() == 2
    assert quarantine.forget_old(now=NOW + quarantine.KEPT + timedelta(seconds=3)) == 1
