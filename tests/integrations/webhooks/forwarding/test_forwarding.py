"""A stored event reaches its target as it came, signed by us, at least once, and is tried again by the schedule."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest

from integrations.models import WebhookAttempt, WebhookDelivery
from integrations.webhooks import sealing
from integrations.webhooks.outcome import sentence
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.integrations.webhooks.forwarding.conftest import NOW, PAYLOAD, answer

pytestmark = pytest.mark.django_db


def parts(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return the request line, the headers by lower-case name and the body of a recorded request."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.decode("latin-1").split("\r\n")
    return line, {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}, body


def test_an_event_reaches_its_target_byte_for_byte(world):
    target = world.target()
    delivery = world.delivery(target, b'{"a":  1}\r\n\xff')

    assert world.forward() == 1

    line, headers, body = parts(world.receiver.requests[0])
    assert line == "POST /webhook/canary-capability-0123456789 HTTP/1.1"
    assert body == b'{"a":  1}\r\n\xff'
    assert headers["content-type"] == "application/json"
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_status, delivery.attempts) == ("delivered", 200, 1)
    assert delivery.delivered_at == NOW


def test_it_is_signed_with_the_targets_own_secret(world):
    target = world.target()
    delivery = world.delivery(target)

    world.forward()

    _line, headers, body = parts(world.receiver.requests[0])
    secret = vault.use(target.signing_secret, actor=SYSTEM, purpose="test")["secret"].expose()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == str(delivery.event_id)
    assert headers["webhook-attempt"] == "1"
    assert int(headers["webhook-timestamp"]) == NOW.timestamp()


def test_while_the_secret_rolls_both_sign(world):
    target = world.target()
    vault.replace(target.signing_secret, {"secret": Secret("whsec_" + "QUFB" * 8)}, actor=SYSTEM)
    world.delivery(target)

    world.forward()

    assert parts(world.receiver.requests[0])[1]["webhook-signature"].count("v1,") == 2


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "cookie",
        "connection",
        "keep-alive",
        "te",
        "upgrade",
        "transfer-encoding",
        "x-listed",
        "host",
        "proxy-authorization",
        "x-forwarded-for",
        "x_forwarded_for",
        "expect",
        "x-keylodge-token",
    ],
)
def test_what_was_meant_for_us_alone_does_not_go_on(world, name):
    from integrations.webhooks.outgoing import forwarded_headers

    headers = (("connection", b"x-listed"), (name, b"canary"), ("stripe-signature", b"t=1"))

    kept = forwarded_headers(sealing.Head("POST", "https://hooks.example/", headers))

    assert kept == [(b"stripe-signature", b"t=1")]


def test_a_sender_of_standard_webhooks_does_not_take_our_headers(world):
    from integrations.webhooks.outgoing import forwarded_headers

    kept = forwarded_headers(sealing.Head("POST", "https://hooks.example/", (("webhook-id", b"msg_1"),)))

    assert kept == [(b"x-original-webhook-id", b"msg_1")]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599])
def test_what_may_fare_better_later_is_tried_again(world, status):
    delivery = world.delivery(world.target())
    world.receiver.answers = [answer(status), answer(200)]

    world.forward()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_status) == ("waiting", status)
    assert delivery.next_at == NOW + timedelta(seconds=5)
    assert world.forward() == 0
    world.later(seconds=5)
    assert world.forward() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    first, second = (parts(request)[1] for request in world.receiver.requests)
    assert first["webhook-id"] == second["webhook-id"]
    assert (first["webhook-attempt"], second["webhook-attempt"]) == ("1", "2")


@pytest.mark.parametrize("status", [300, 301, 308, 400, 401, 403, 404, 408, 410, 413, 422])
def test_what_would_be_refused_again_is_given_up_at_once(world, status):
    delivery = world.delivery(world.target())
    world.receiver.answers = [answer(status, headers=b"Location: http://169.254.169.254/\r\n")]

    world.forward()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.next_at) == ("dead", 1, None)
    assert str(status) in sentence(delivery.last_error, delivery.last_status)
    assert len(world.receiver.requests) == 1


def test_a_broken_connection_is_tried_again(world):
    delivery = world.delivery(world.target())
    world.receiver.answers = [lambda sock, _request: sock.close()]

    world.forward()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error, delivery.last_status) == ("waiting", "upstream_unreachable", None)


def test_the_whole_schedule_ends_after_three_days(world):
    delivery = world.delivery(world.target())
    world.receiver.close()
    at = []
    while delivery.state != "dead":
        world.forward()
        at.append((world.now - NOW).total_seconds())
        delivery.refresh_from_db()
        world.now = delivery.next_at or world.now
        type(delivery.target).objects.update(breaker_state="closed", failures_in_row=0)

    assert at[:4] == [0, 5, 305, 2105]
    assert at[-1] == 72 * 3600
    assert delivery.attempts == WebhookAttempt.objects.count() == len(at)


def test_a_target_that_asks_for_time_gets_it(world):
    delivery = world.delivery(world.target())
    world.receiver.answers = [answer(503, headers=b"Retry-After: 600\r\n")]

    world.forward()

    delivery.refresh_from_db()
    assert delivery.next_at == NOW + timedelta(minutes=10)


def test_one_event_goes_to_several_targets(world):
    from tests.fake_upstream import FakeUpstream

    with FakeUpstream(answer(500)) as other:
        good, bad = world.target(), world.target(other)
        first = world.delivery(good)
        second = type(first).objects.create(
            event=first.event, target=bad, endpoint=first.endpoint, created_at=NOW, next_at=NOW
        )
        world.forward()

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("delivered", "waiting")
    assert (first.last_status, second.last_status) == (200, 500)


@pytest.mark.parametrize("whose", ["target", "endpoint", "demo"])
def test_while_paused_everything_waits_and_no_try_is_used_up(world, whose):
    target = world.target()
    delivery = world.delivery(target)
    type(target).objects.update(is_paused=whose == "target")
    type(world.endpoint).objects.update(is_forwarding_paused=whose == "endpoint", is_demo=whose == "demo")

    assert world.forward() == 0

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("waiting", 0)
    type(target).objects.update(is_paused=False)
    type(world.endpoint).objects.update(is_forwarding_paused=False, is_demo=False)
    assert world.forward() == 1


def test_a_payload_that_was_forgotten_is_given_up_and_says_so(world):
    delivery = world.delivery(world.target())
    type(delivery.event).objects.update(head_sealed=None, body_sealed=None, forgotten_at=NOW)

    world.forward()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == ("dead", "payload_forgotten")
    assert not world.receiver.requests
    assert "gone" in sentence(delivery.last_error)


def test_an_answer_is_kept_masked(world):
    world.delivery(world.target())
    echo = b"X-Echo: /webhook/canary-capability-0123456789\r\nSet-Cookie: s=canary-cookie\r\nServer: n8n\r\n"
    world.receiver.answers = [answer(500, headers=echo)]

    world.forward()

    kept = WebhookAttempt.objects.get()
    assert "Server: n8n" in kept.response_head
    assert "canary" not in kept.response_head
    assert (kept.number, kept.status, kept.error) == (1, 500, "")


def test_what_a_killed_worker_had_taken_goes_again_with_the_same_id(world):
    target = world.target()
    delivery = world.delivery(target)
    WebhookDelivery.objects.update(
        state="sending", lease_owner="dead", lease_until=NOW + timedelta(seconds=60), attempts=1
    )
    assert world.forward() == 0

    world.later(seconds=61)
    assert world.forward() == 1

    headers = parts(world.receiver.requests[0])[1]
    assert (headers["webhook-id"], headers["webhook-attempt"]) == (str(delivery.event_id), "2")


def test_a_lease_further_ahead_than_any_is_over(world):
    world.delivery(world.target())
    WebhookDelivery.objects.update(state="sending", lease_owner="x", lease_until=NOW + timedelta(days=2))

    assert world.forward() == 1


def test_the_body_is_the_one_that_was_stored(world):
    world.delivery(world.target())

    world.forward()

    assert parts(world.receiver.requests[0])[2] == PAYLOAD


def test_one_that_cannot_be_opened_does_not_hold_up_the_rest(world, log):
    from django.db import connection

    target = world.target()
    broken, odd, fine = world.delivery(target), world.delivery(target), world.delivery(target)
    type(broken.event).objects.filter(pk=broken.event_id).update(body_sealed=b"no blob of ours")
    head = sealing.vault.seal_text("[1]", field=sealing.HEAD, row_id=odd.event_id, client=world.endpoint.client)
    type(odd.event).objects.filter(pk=odd.event_id).update(head_sealed=head)

    world.forward()

    for row in (broken, odd, fine):
        row.refresh_from_db()
    assert [(row.state, row.last_error) for row in (broken, odd, fine)] == [
        ("dead", "payload_unreadable"),
        ("dead", "payload_unreadable"),
        ("delivered", ""),
    ]
    assert connection.is_usable()


def test_while_the_vault_is_shut_everything_waits_and_no_try_is_used_up(world, monkeypatch):
    from secrets_vault.errors import VaultLocked

    def shut(*_given, **_named):
        raise VaultLocked

    delivery = world.delivery(world.target())
    with monkeypatch.context() as patched:
        patched.setattr(sealing, "open_url", shut)
        world.forward()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts, delivery.lease_until) == ("waiting", 0, None)

    world.later(seconds=61)
    assert world.forward() == 1


def test_an_outcome_that_cannot_be_written_keeps_no_other_from_it(world, log):
    target = world.target()
    first, second = world.delivery(target), world.delivery(target)
    WebhookAttempt.objects.create(delivery=first, number=1, at=NOW)

    world.forward()

    second.refresh_from_db()
    assert second.state == "delivered"
    assert "cannot be written" in log.getvalue()


def test_the_sweep_hands_on_where_no_forwarder_runs(world, monkeypatch):
    from integrations.webhooks import forwarding

    assert forwarding.hand_on(world.now) == 0
    delivery = world.delivery(world.target())

    assert forwarding.hand_on(world.now) == 1

    delivery.refresh_from_db()
    assert delivery.state == "delivered"
