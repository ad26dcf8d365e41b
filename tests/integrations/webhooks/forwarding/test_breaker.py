"""After five failures in a row a target is left alone; then one delivery tries, whoever sends it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookTarget
from integrations.webhooks import breaker
from integrations.webhooks.forwarder import Forwarder
from tests.fake_upstream import FakeUpstream
from tests.integrations.webhooks.forwarding.conftest import answer

pytestmark = pytest.mark.django_db


def states(target):
    """Return how many deliveries of a target are in which state, and how many tries were made."""
    rows = WebhookDelivery.objects.filter(target=target)
    return sorted(rows.values_list("state", flat=True)), WebhookAttempt.objects.filter(delivery__target=target).count()


@pytest.fixture
def broken(world):
    """Return a target that fails, with its breaker open and ten deliveries waiting."""
    target = world.target()
    world.receiver.answers = [answer(500)]
    for _ in range(10):
        world.delivery(target)
    world.forward()
    for _ in range(breaker.OPENS_AFTER):
        world.later(seconds=6)
        world.forward()
    target.refresh_from_db()
    assert target.breaker_state == "open"
    return target


def test_it_opens_after_five_failures_and_then_nothing_is_sent(world, broken):
    count = len(world.receiver.requests)
    assert count >= breaker.OPENS_AFTER
    assert broken.failures_in_row == count == WebhookAttempt.objects.count()

    world.later(seconds=20)

    assert world.forward() == 0
    assert len(world.receiver.requests) == count
    assert states(broken)[0] == ["waiting"] * 10


def test_then_one_delivery_tries_and_a_failure_opens_it_for_longer(world, broken):
    before = len(world.receiver.requests)
    world.now = broken.breaker_until

    assert world.forward() == 1

    broken.refresh_from_db()
    assert len(world.receiver.requests) == before + 1
    assert broken.breaker_state == "open"
    assert broken.breaker_until - world.now >= timedelta(seconds=60)


def test_a_success_lets_all_that_waited_go_and_nothing_was_lost(world, broken):
    world.receiver.answers = [answer(200)]
    world.now = broken.breaker_until

    world.forward()
    world.later(minutes=6)
    world.forward()

    broken.refresh_from_db()
    assert (broken.breaker_state, broken.failures_in_row) == ("closed", 0)
    assert states(broken)[0] == ["delivered"] * 10


def test_a_refusal_means_that_the_target_is_there(world, broken):
    world.receiver.answers = [answer(404)]
    world.now = broken.breaker_until

    world.forward()

    broken.refresh_from_db()
    assert broken.breaker_state == "closed"


def test_of_several_workers_one_gets_to_try(world, broken):
    world.now = broken.breaker_until
    copies = [WebhookTarget.objects.get() for _ in range(3)]

    got = [breaker.begin_try(copy, now=world.now) for copy in copies]

    assert got == [True, False, False]
    assert world.forward() == 0
    world.later(seconds=breaker.TRY_LEASE.total_seconds() + 1)  # the one that got it has died
    assert world.forward() == 1


def test_two_forwarders_send_one_trial(world, broken):
    world.now = broken.breaker_until
    before = len(world.receiver.requests)
    other = Forwarder(clock=lambda: world.now, chance=lambda: 0.5)
    try:
        claimed = [world.forwarder.claim(), other.claim()]
        world.forward()
        other.run_until_idle()
    finally:
        other.stop()
        other.run()

    assert sorted(claimed) == [0, 1]
    assert len(world.receiver.requests) == before + 1


def test_a_trial_that_had_nothing_to_send_gives_the_right_back(world, broken):
    world.now = broken.breaker_until
    first = WebhookDelivery.objects.order_by("id").first()
    type(first.event).objects.filter(pk=first.event_id).update(head_sealed=None, body_sealed=None)
    WebhookDelivery.objects.exclude(pk=first.pk).update(next_at=world.now + timedelta(hours=1))
    WebhookDelivery.objects.filter(pk=first.pk).update(next_at=world.now)

    world.forward()

    broken.refresh_from_db()
    first.refresh_from_db()
    assert (first.state, broken.breaker_state) == ("dead", "open")
    assert broken.breaker_until <= world.now


def test_a_target_that_asks_for_time_is_left_alone_for_it():
    pause = breaker.pause(5, retry_after_s=1200, chance=lambda: 0.5)

    assert pause == timedelta(minutes=20)
    assert breaker.pause(5, retry_after_s=10**9, chance=lambda: 0.5) == timedelta(hours=1)
    assert breaker.pause(5, retry_after_s=None, chance=lambda: 0.5) == timedelta(seconds=30)
    assert breaker.pause(50, retry_after_s=None, chance=lambda: 1.0) == timedelta(minutes=12)


def test_one_target_that_fails_does_not_stop_another(world, broken):
    with FakeUpstream() as well:
        target = world.target(well)
        for _ in range(8):
            world.delivery(target)
        world.forward()

    assert states(target) == (["delivered"] * 8, 8)
