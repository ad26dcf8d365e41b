"""Dead letters: sent again, one or many, taken back or discarded, with the book written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import WebhookDelivery
from integrations.webhooks import bulk, claiming, dead, forward
from integrations.webhooks.bulk import Selection
from integrations.webhooks.forward import NotSendable
from secrets_vault.actor import Actor
from secrets_vault.models import AuditEvent
from tests.factories import make_membership, make_user
from tests.fake_upstream import FakeUpstream
from tests.integrations.webhooks.forwarding.conftest import answer

pytestmark = pytest.mark.django_db
ADA = Actor(kind="user", id="1", label="Ada")


def dead_ones(world, target, count=1):
    """Return deliveries that were given up."""
    found = [world.delivery(target, b'{"n": %d}' % n) for n in range(count)]
    WebhookDelivery.objects.filter(pk__in=[row.pk for row in found]).update(
        state="dead", attempts=9, next_at=None, last_status=500
    )
    return list(WebhookDelivery.objects.filter(pk__in=[row.pk for row in found]).order_by("id"))


def test_only_who_may_see_a_client_sees_its_dead_letters(world):
    letter = dead_ones(world, world.target())[0]
    ben, cora = make_user("Ben", is_owner=False), make_user("Cora", is_owner=False)
    make_membership(ben, world.endpoint.client, role="viewer")

    assert dead.letters(ben).get() == letter
    assert dead.letters(ben, endpoint=world.endpoint).get() == letter
    assert not dead.letters(cora).exists()


def test_one_sent_again_begins_its_schedule_anew_and_keeps_its_id(world):
    letter = dead_ones(world, world.target())[0]
    world.later(days=10)
    world.receiver.answers = [answer(500), answer(200)]

    dead.resend(letter, actor=ADA, now=world.now)
    world.forward()

    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.attempts_before) == ("waiting", 10, 9)
    assert letter.next_at == world.now + timedelta(seconds=5)
    world.later(seconds=5)
    world.forward()
    assert b"webhook-attempt: 11\r\n" in world.receiver.requests[1]
    assert f"webhook-id: {letter.event_id}".encode() in world.receiver.requests[1]


@pytest.mark.parametrize(("broken", "code"), [("event", "payload_unreadable"), ("target", "target_unreadable")])
def test_one_that_cannot_be_opened_says_what_of_it_cannot(world, broken, code):
    letter = dead_ones(world, world.target())[0]
    row, column = getattr(letter, broken), {"event": "body_sealed", "target": "url_sealed"}[broken]
    type(row).objects.filter(pk=row.pk).update(**{column: b"no blob of ours"})

    attempt = forward.send_now(letter, actor=ADA, now=world.now)

    assert (attempt.error, letter.state) == (code, "dead")


@pytest.mark.parametrize("state", ["dead", "delivered", "skipped", "discarded"])
def test_whatever_is_over_can_be_sent_again_at_once(world, state):
    letter = dead_ones(world, world.target())[0]
    WebhookDelivery.objects.update(state=state)
    letter.refresh_from_db()

    attempt = forward.send_now(letter, actor=ADA)

    assert (attempt.status, attempt.number, letter.state) == (200, 10, "delivered")
    assert AuditEvent.objects.filter(action="webhook.sent_again").count() == 1


def test_a_person_is_held_back_by_no_pause_and_no_breaker(world):
    target = world.target()
    delivery = world.delivery(target)
    type(target).objects.update(is_paused=True, breaker_state="open", breaker_until=world.now + timedelta(days=1))
    world.receiver.answers = [answer(503)]

    attempt = forward.send_now(delivery, actor=ADA, now=world.now)

    assert (attempt.status, delivery.state, delivery.attempts) == (503, "waiting", 1)


def test_what_is_just_being_sent_is_not_sent_twice(world):
    delivery = world.delivery(world.target())
    claiming.claim(claiming.Room(requests=1, bytes=10**6, busy={}), now=world.now)
    delivery.refresh_from_db()

    with pytest.raises(NotSendable):
        forward.send_now(delivery, actor=ADA, now=world.now)
    with pytest.raises(NotSendable):
        dead.resend(delivery, actor=ADA, now=world.now)
    assert dead.discard([delivery], actor=ADA, reason="", now=world.now) == 0
    assert not world.receiver.requests


def test_what_was_forgotten_cannot_be_sent_again(world):
    letter = dead_ones(world, world.target())[0]
    type(letter.event).objects.update(head_sealed=None, body_sealed=None, forgotten_at=world.now)
    letter = WebhookDelivery.objects.get()

    with pytest.raises(NotSendable, match="gone"):
        dead.resend(letter, actor=ADA, now=world.now)
    with pytest.raises(NotSendable, match="gone"):
        forward.send_now(letter, actor=ADA, now=world.now)
    assert bulk.plan(Selection(endpoint=world.endpoint)).forgotten == 1


def test_discarding_says_why_in_the_book(world):
    target = world.target()
    letters = [*dead_ones(world, target, 2), world.delivery(target)]

    assert dead.discard(letters, actor=ADA, reason="duplicates of a test", now=world.now) == 3

    assert world.forward() == 0
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"discarded"}
    told = AuditEvent.objects.get(action="webhook.delivery_discarded").details
    assert (told["deliveries"], told["reason"]) == (3, "duplicates of a test")


def test_a_plan_says_how_many_and_how_long_and_changes_nothing(world):
    first, second = world.target(), world.target()
    dead_ones(world, first, 17)
    for row in WebhookDelivery.objects.all()[:3]:
        WebhookDelivery.objects.create(
            event=row.event, target=second, endpoint=row.endpoint, created_at=world.now, state="dead"
        )

    plan = bulk.plan(Selection(endpoint=world.endpoint))

    assert str(plan) == "17 events, 2 targets, about 4 s"
    assert plan.deliveries == 20
    assert WebhookDelivery.objects.filter(state="dead").count() == 20


def test_a_selection_takes_only_what_was_asked_for(world):
    first, second = world.target(), world.target()
    rows = dead_ones(world, first, 4)
    WebhookDelivery.objects.filter(pk=rows[0].pk).update(state="delivered")
    WebhookDelivery.objects.filter(pk=rows[1].pk).update(target=second)
    type(rows[2].event).objects.filter(pk=rows[2].event_id).update(
        event_type="invoice.paid", received_at=world.now - timedelta(days=2)
    )
    day = timedelta(days=1)

    def chosen(**fields):
        return [rows.index(row) for row in Selection(endpoint=world.endpoint, **fields).rows()]

    assert chosen() == [1, 2, 3]
    assert chosen(states=("delivered",)) == [0]
    assert chosen(states=("waiting", "sending")) == []
    assert chosen(target=second) == [1]
    assert chosen(event_type="invoice.paid") == [2]
    assert chosen(since=world.now - day) == [1, 3]
    assert chosen(until=world.now - day) == [2]


def test_a_replay_goes_at_a_pace_the_oldest_first(world):
    dead_ones(world, world.target(), 12)

    row = bulk.replay(Selection(endpoint=world.endpoint), actor=ADA, now=world.now)

    assert (row.deliveries, row.made_by) == (12, "Ada")
    assert bulk.left(row) == 12
    assert world.forward() == bulk.PER_S
    world.later(seconds=2)
    world.forward()
    assert bulk.left(row) == 0
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert AuditEvent.objects.get(action="webhook.replayed").details["deliveries"] == 12


def test_a_stopped_replay_leaves_the_rest_as_it_was(world):
    letters = dead_ones(world, world.target(), 12)
    WebhookDelivery.objects.filter(pk=letters[11].pk).update(state="delivered")
    selection = Selection(endpoint=world.endpoint, states=("dead", "delivered"))
    row = bulk.replay(selection, actor=ADA, now=world.now)
    world.forward()

    taken_back = bulk.stop(row, actor=ADA, now=world.now)

    assert (taken_back, bulk.left(row), row.stopped_at) == (12 - bulk.PER_S, 0, world.now)
    world.later(seconds=60)
    assert world.forward() == 0
    states = list(WebhookDelivery.objects.order_by("id").values_list("state", flat=True))
    assert states == ["delivered"] * 5 + ["dead"] * 6 + ["delivered"]


def test_a_stop_takes_back_nothing_that_was_tried(world):
    with FakeUpstream(answer(500)) as failing:
        dead_ones(world, world.target(failing), 1)
        row = bulk.replay(Selection(endpoint=world.endpoint), actor=ADA, now=world.now)
        world.forward()

        assert bulk.stop(row, actor=ADA, now=world.now) == 0

    assert WebhookDelivery.objects.get().state == "waiting"


def test_a_replay_takes_nothing_that_somebody_sent_again_meanwhile(world):
    letters = dead_ones(world, world.target(), 2)
    dead.resend(letters[0], actor=ADA, now=world.now)

    row = bulk.replay(Selection(endpoint=world.endpoint), actor=ADA, now=world.now)

    assert row.deliveries == 1
