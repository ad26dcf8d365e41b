"""What was refused waits; once our side is mended it is verified again, and what passes is delivered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from integrations.webhooks import opening, quarantine
from integrations.webhooks.quarantine import Outcome
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.factories import make_client, make_webhook_endpoint, make_webhook_target
from tests.integrations.webhooks.senders import NOW, PING, SECRET, SIGNED_ID, body_of, post, signed, with_inlet

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = "what-somebody-typed-wrongly-0123456"
LATER = NOW + timedelta(days=2)


@pytest.fixture
def endpoint() -> Any:
    """Return an endpoint whose secret is wrong on our side."""
    made = make_webhook_endpoint(make_client(), "acme", scheme_key="custom", custom=SIGNED_ID, secret=WRONG)
    make_webhook_target(made)
    return made


def send(*bodies: bytes, secret: str = SECRET, **options: Any) -> list[int]:
    """Post each body, signed by the vendor; return the statuses."""

    async def story(inlet):
        return [
            await post(inlet.handle, "/hooks/acme", body, signed(body, secret=secret), **options) for body in bodies
        ]

    return [answer.status for answer in with_inlet(story)]


def mend(endpoint: Any) -> None:
    """Store the right secret."""
    vault.replace(endpoint.secret, {"secret": Secret(SECRET)}, actor=SYSTEM)


def verify_again(endpoint: Any, **options: Any) -> Outcome:
    """Verify the quarantine again, two days later."""
    return quarantine.verify_again(endpoint, actor=SYSTEM, now=LATER, **options)


def test_a_wrong_secret_on_our_side_loses_no_event(endpoint):
    bodies = [body_of(f"evt_{n}") for n in range(3)]
    assert send(*bodies) == [401] * 3
    mend(endpoint)

    outcome = verify_again(endpoint)

    released = WebhookEvent.objects.filter(verdict="released").order_by("received_at", "event_key")
    assert outcome == Outcome(released=3)
    assert [opening.body_of(event) for event in released] == bodies
    assert {event.event_type for event in released} == {"thing.made"}
    assert set(WebhookDelivery.objects.values_list("created_at", "next_at")) == {(LATER, LATER)}
    assert AuditEvent.objects.filter(action="webhook.verified_again").count() == 1


def test_what_still_proves_nothing_stays(endpoint):
    send(body_of("evt_1"))
    send(body_of("evt_forged"), secret="a-forgers-own-secret-0123456789")
    mend(endpoint)

    assert verify_again(endpoint) == Outcome(released=1, refused=1)
    assert quarantine.in_quarantine(endpoint).get().reason == "mismatch"
    assert verify_again(endpoint) == Outcome(refused=1)
    assert WebhookDelivery.objects.count() == 1


def test_before_the_secret_is_mended_nothing_is_released(endpoint):
    send(body_of())

    assert verify_again(endpoint) == Outcome(refused=1)
    assert not WebhookDelivery.objects.exists()


def test_the_vendors_repeats_are_released_once(endpoint):
    send(body_of("evt_1"), body_of("evt_1"), body_of("evt_1"))
    mend(endpoint)

    assert verify_again(endpoint) == Outcome(released=1, duplicates=2)
    assert WebhookEvent.objects.get().duplicates == 2
    assert WebhookDelivery.objects.count() == 1


def test_what_arrived_meanwhile_is_not_delivered_twice(endpoint):
    send(body_of("evt_1"))
    mend(endpoint)
    assert send(body_of("evt_1")) == [200]

    assert verify_again(endpoint) == Outcome(duplicates=1)
    assert WebhookDelivery.objects.count() == 1


def test_a_released_event_is_a_duplicate_when_it_is_sent_again(endpoint):
    send(body_of("evt_1"))
    mend(endpoint)
    verify_again(endpoint)

    assert send(body_of("evt_1")) == [200]
    assert WebhookEvent.objects.count() == WebhookDelivery.objects.count() == 1


def test_an_old_capture_stays_stale_however_often_it_is_verified(endpoint):
    mend(endpoint)
    body = body_of()

    async def story(inlet):
        return await post(inlet.handle, "/hooks/acme", body, signed(body, at=NOW - timedelta(hours=1)))

    assert with_inlet(story).status == 401
    assert verify_again(endpoint) == Outcome(refused=1)


def test_an_address_list_that_was_too_narrow_is_mended_too(endpoint):
    mend(endpoint)
    WebhookEndpoint.objects.update(ip_ranges=["203.0.113.0/24"])
    assert send(body_of()) == [401]
    assert verify_again(endpoint) == Outcome(refused=1)
    WebhookEndpoint.objects.update(ip_ranges=["198.51.100.0/24"])

    assert verify_again(endpoint) == Outcome(released=1)


def test_only_the_chosen_ones_are_verified_or_discarded(endpoint):
    send(body_of("evt_1"), body_of("evt_2"), body_of("evt_3"))
    mend(endpoint)
    first, second, third = quarantine.in_quarantine(endpoint).values_list("pk", flat=True)

    assert verify_again(endpoint, ids=[first]) == Outcome(released=1)
    assert quarantine.discard(endpoint, actor=SYSTEM, ids=[first, second]) == 1
    assert quarantine.in_quarantine(endpoint).get().pk == third
    assert WebhookEvent.objects.get(pk=first).verdict == "released"


def test_a_handshake_is_not_released_as_an_event(endpoint):
    WebhookEndpoint.objects.update(custom=PING)

    async def story(inlet):
        return await post(inlet.handle, "/hooks/acme", b"{}", method="GET", query=b"challenge=x")

    assert with_inlet(story).status == 401
    mend(endpoint)
    assert verify_again(endpoint) == Outcome(refused=1)
    assert quarantine.in_quarantine(endpoint).get().reason == "handshake"


def test_one_who_has_a_whole_network_of_addresses_pushes_out_only_himself(endpoint, monkeypatch):
    monkeypatch.setattr(quarantine, "MOST", 6)

    send(*(body_of(f"evt_{n}") for n in range(3)), ip="203.0.113.9")
    for number in range(9):
        send(b"noise", ip=f"2001:db8::{number:x}:1")

    assert quarantine.in_quarantine(endpoint).filter(remote_ip="203.0.113.9").count() == 3
    assert quarantine.in_quarantine(endpoint).count() == 6
