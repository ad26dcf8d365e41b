"""An ordered endpoint hands on one after the other; a target that hangs holds a few places of many."""

from __future__ import annotations

import json
import threading
import time

import pytest
from django.db import connection

from integrations.models import WebhookDelivery
from integrations.webhooks import claiming, storing, targets
from secrets_vault.actor import SYSTEM
from tests.engines import only_on_sqlite
from tests.fake_upstream import FakeUpstream
from tests.integrations.webhooks.forwarding.conftest import answer
from tests.integrations.webhooks.test_storing import request, verified

pytestmark = pytest.mark.django_db


def numbers(receiver):
    """Return the numbers of the events in the order in which they arrived."""
    return [json.loads(sent.partition(b"\r\n\r\n")[2])["n"] for sent in receiver.requests]


@pytest.fixture
def ordered(world):
    """Return a target of an ordered endpoint, with six events that were stored together."""
    type(world.endpoint).objects.update(is_ordered=True)
    world.endpoint.refresh_from_db()
    target = world.target()
    arrivals = [
        storing.Arrival(
            world.endpoint,
            request(world.endpoint, b'{"n": %d}' % n),
            verified(f"evt_{n}", digest=bytes([n]) * 32),
            world.now,
        )
        for n in range(6)
    ]
    storing.write(arrivals)
    return target


def test_they_go_one_after_the_other(world, ordered):
    assert world.forward() == 6

    assert numbers(world.receiver) == [0, 1, 2, 3, 4, 5]


def test_a_later_one_waits_until_an_earlier_one_is_over(world, ordered):
    world.receiver.answers = [answer(500), answer(200)]

    world.forward()
    assert numbers(world.receiver) == [0]
    world.later(seconds=5)
    world.forward()

    assert numbers(world.receiver) == [0, 0, 1, 2, 3, 4, 5]


def test_one_that_was_given_up_lets_the_next_go(world, ordered):
    world.receiver.answers = [answer(400), answer(200)]

    world.forward()

    assert numbers(world.receiver) == [0, 1, 2, 3, 4, 5]
    assert WebhookDelivery.objects.order_by("id").first().state == "dead"


def test_one_that_another_worker_is_sending_keeps_the_rest_back(world, ordered):
    room = claiming.Room(requests=10, bytes=10**9, busy={})

    first = claiming.claim(room, now=world.now)

    assert len(first) == 1
    assert claiming.claim(room, now=world.now) == []


def test_each_target_has_an_order_of_its_own(world, ordered):
    with FakeUpstream() as other:
        second = world.target(other)
        for row in WebhookDelivery.objects.order_by("id"):
            WebhookDelivery.objects.create(
                event=row.event, target=second, endpoint=row.endpoint, created_at=world.now, next_at=world.now
            )
        targets.pause(ordered, actor=SYSTEM)
        world.forward()
        assert len(other.requests) == 6
    assert not world.receiver.requests


def test_a_target_that_hangs_does_not_stop_another(world):
    is_over = threading.Event()
    with (
        FakeUpstream(lambda sock, _: is_over.wait(20) and sock.sendall(answer(200))) as hanging,
        FakeUpstream() as well,
    ):
        stuck, fine = world.target(hanging), world.target(well)
        for _ in range(40):
            world.delivery(stuck)
        for _ in range(20):
            world.delivery(fine)
        began_s = time.monotonic()
        world.forwarder.claim()
        while WebhookDelivery.objects.filter(target=fine, state="delivered").count() < 20:
            assert time.monotonic() - began_s < 15
            world.forwarder._wait(0)
            world.forwarder._write()
            world.forwarder.claim()
        is_over.set()
        assert len(hanging.requests) == claiming.PER_TARGET
        type(stuck).objects.filter(pk=stuck.pk).update(is_paused=True)
        world.forward()


def test_a_target_whose_last_answer_was_a_failure_gets_one_at_a_time(world):
    target = world.target()
    type(target).objects.update(failures_in_row=1)
    for _ in range(3):
        world.delivery(target)

    claimed = claiming.claim(claiming.Room(requests=10, bytes=10**9, busy={}), now=world.now)

    assert len(claimed) == 1


def test_bodies_in_memory_are_bounded_and_a_large_one_still_goes(world):
    target = world.target()
    for _ in range(3):
        world.delivery(target, b"x" * 1000)

    def room(size, busy=0):
        return claiming.Room(requests=10, bytes=size, busy={"another": 1} if busy else {})

    assert claiming.claim(room(500, busy=1), now=world.now) == []
    assert len(claiming.claim(room(500), now=world.now)) == 1
    assert len(claiming.claim(room(2500), now=world.now)) == 2


@only_on_sqlite("PostgreSQL reads a table of a few rows whole, whatever index there is")
def test_the_question_what_is_due_reads_the_index_of_what_is_open(world):
    target = world.target()
    rows = WebhookDelivery.objects.filter(claiming.is_open(), target=target).order_by("id")

    assert "webhook_delivery_open" in rows.explain()
    assert "webhook_delivery_open" in claiming.targets_with_work(world.now).explain()
    assert connection.vendor == "sqlite"
