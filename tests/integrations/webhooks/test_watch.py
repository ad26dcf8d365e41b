"""People hear once of webhooks that stay away, are refused or do not get through, and once when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.models import Message, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookTarget
from integrations.sweeps import TIMETABLE
from integrations.webhooks import alerting
from integrations.webhooks.watch import look
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
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
REFUSED = {"verdict": WebhookEvent.Verdict.QUARANTINED}


@pytest.fixture
def endpoint():
    client = make_client("acme")
    make_user("Olga", is_owner=True)
    made = make_webhook_endpoint(client, name="Payments", silent_after_s=3600)
    WebhookEndpoint.objects.update(created_at=NOW - 10 * HOUR)
    made.refresh_from_db()
    return made


def kinds() -> list[str]:
    return list(Message.objects.order_by("id").values_list("kind", flat=True))


def refuse(endpoint, count, *, at=NOW, reason="mismatch"):
    for _ in range(count):
        make_webhook_event(endpoint, received_at=at, reason=reason, **REFUSED)


def test_silence_is_told_once_and_its_end_once(endpoint):
    make_webhook_event(endpoint, received_at=NOW - 2 * HOUR)
    assert [look(NOW), look(NOW + MINUTE)] == [1, 0]
    assert kinds() == ["webhook_silent"]
    assert "22 Nov 2026 07:00" in Message.objects.get().body
    make_webhook_event(endpoint, received_at=NOW + 2 * MINUTE)
    assert [look(NOW + 3 * MINUTE), look(NOW + 4 * MINUTE)] == [1, 0]
    assert kinds() == ["webhook_silent", "webhook_heard"]


def test_a_second_silence_is_told_again(endpoint):
    make_webhook_event(endpoint, received_at=NOW - 2 * HOUR)
    look(NOW)
    make_webhook_event(endpoint, received_at=NOW + MINUTE)
    look(NOW + 2 * MINUTE)
    look(NOW + 3 * HOUR)
    assert kinds() == ["webhook_silent", "webhook_heard", "webhook_silent"]


def test_an_endpoint_that_was_never_heard_from_is_silent_from_its_making_on(endpoint):
    look(NOW)
    assert kinds() == ["webhook_silent"]
    assert "no webhook has come" in Message.objects.get().body


@pytest.mark.parametrize(
    "about",
    [
        {"silent_after_s": None},
        {"silent_after_s": 36_001},
        {"disabled_at": NOW},
    ],
)
def test_who_expects_nothing_is_told_nothing(endpoint, about):
    WebhookEndpoint.objects.update(**about)
    assert look(NOW) == 0
    assert kinds() == []


@pytest.mark.parametrize("about", [REFUSED | {"reason": "mismatch"}, {"is_test": True}])
def test_neither_a_refused_nor_a_test_event_breaks_a_silence(endpoint, about):
    make_webhook_event(endpoint, received_at=NOW - MINUTE, **about)
    look(NOW)
    assert kinds() == ["webhook_silent"]


def test_a_test_that_the_inlet_noted_breaks_no_silence_either(endpoint):
    make_webhook_event(endpoint, received_at=NOW - MINUTE, is_test=True)
    WebhookEndpoint.objects.update(last_event_at=NOW - MINUTE)
    look(NOW)
    assert kinds() == ["webhook_silent"]


def test_many_refused_requests_are_told_once_with_what_to_do(endpoint):
    make_webhook_event(endpoint, received_at=NOW)
    refuse(endpoint, 10)
    assert [look(NOW), look(NOW + MINUTE)] == [1, 0]
    message = Message.objects.get()
    assert message.kind == "webhook_refused"
    assert "10 requests" in message.body
    assert "the secret is probably wrong" in message.body
    assert "/webhooks/acme-stripe/" in message.body


def test_the_end_of_it_is_told_when_events_are_accepted_and_none_is_refused(endpoint):
    make_webhook_event(endpoint, received_at=NOW)
    refuse(endpoint, 10)
    look(NOW)
    assert look(NOW + 20 * MINUTE) == 0  # nothing refused, but nothing accepted either
    make_webhook_event(endpoint, received_at=NOW + 21 * MINUTE)
    refuse(endpoint, 1, at=NOW + 21 * MINUTE)
    assert look(NOW + 22 * MINUTE) == 0
    assert look(NOW + 35 * MINUTE) == 1
    assert kinds() == ["webhook_refused", "webhook_accepted"]


def test_refusals_for_another_reason_do_not_blame_the_secret(endpoint):
    make_webhook_event(endpoint, received_at=NOW)
    refuse(endpoint, 10, reason="missing")
    look(NOW)
    assert "secret is probably wrong" not in Message.objects.get().body


def test_a_few_refused_requests_or_old_ones_are_not_told(endpoint):
    make_webhook_event(endpoint, received_at=NOW)
    refuse(endpoint, 9)
    refuse(endpoint, 10, at=NOW - 11 * MINUTE)
    refuse(make_webhook_endpoint(endpoint.client, "other"), 9)
    assert look(NOW) == 0


@pytest.fixture
def target(endpoint):
    make_webhook_event(endpoint, received_at=NOW)
    return make_webhook_target(endpoint, "https://n8n.example/webhook/capability", name="")


def test_a_target_that_takes_nothing_is_told_once_and_its_end_once(endpoint, target):
    WebhookTarget.objects.update(breaker_state="open")
    assert [look(NOW), look(NOW + MINUTE)] == [1, 0]
    WebhookTarget.objects.update(breaker_state="trying")
    assert look(NOW + 2 * MINUTE) == 0
    WebhookTarget.objects.update(breaker_state="closed")
    assert [look(NOW + 3 * MINUTE), look(NOW + 4 * MINUTE)] == [1, 0]
    assert kinds() == ["webhook_stuck", "webhook_flows"]
    assert "capability" not in "".join(Message.objects.values_list("body", flat=True))


def test_dead_letters_are_told_with_their_number_until_none_is_left(endpoint, target):
    event = WebhookEvent.objects.get()
    dead = make_webhook_delivery(event, target, state=WebhookDelivery.State.DEAD)
    assert look(NOW) == 1
    assert "1 event lies among the dead letters" in Message.objects.get().body
    assert look(NOW + MINUTE) == 0
    WebhookDelivery.objects.filter(pk=dead.pk).update(state=WebhookDelivery.State.DELIVERED)
    assert look(NOW + 2 * MINUTE) == 1
    assert kinds() == ["webhook_stuck", "webhook_flows"]


def test_each_target_has_its_own_trouble(endpoint, target):
    make_webhook_target(endpoint, "https://make.example/x", name="Make")
    WebhookTarget.objects.filter(name="Make").update(breaker_state="open")
    assert look(NOW) == 1
    assert "Make does not take" in Message.objects.get().body


def test_the_owner_and_the_managers_hear_of_it_and_a_viewer_does_not(endpoint):
    make_membership(make_user("Ada"), endpoint.client)
    make_membership(make_user("Ben"), endpoint.client, role="viewer")
    make_user("Cora")
    look(NOW)
    assert set(Message.objects.values_list("to", flat=True)) == {"olga@example.com", "ada@example.com"}


def test_what_is_of_the_demo_is_kept_and_never_sent(endpoint, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    make_webhook_endpoint(endpoint.client, "demo", silent_after_s=60, is_demo=True, secret="")
    WebhookEndpoint.objects.update(created_at=NOW - HOUR * 10)
    look(NOW)
    assert dict(Message.objects.values_list("subject", "state")) == {
        "Acme: nothing comes to Payments any more": "queued",
        "Acme: nothing comes to demo any more": "kept",
    }


def test_an_archived_client_is_left_in_peace(endpoint):
    endpoint.client.archived_at = NOW
    endpoint.client.save()
    refuse(endpoint, 10)
    assert look(NOW) == 0


def test_it_is_in_the_timetable():
    from integrations import timetable  # noqa: F401  it enters itself

    assert TIMETABLE["webhook_watch"].every_s == 60


@pytest.mark.parametrize("act", [alerting.began, alerting.ended])
def test_of_two_workers_that_saw_the_same_row_one_tells(endpoint, act):
    told_at = None if act is alerting.began else NOW
    WebhookEndpoint.objects.update(silence_told_at=told_at)
    rows = [WebhookEndpoint.objects.select_related("client", "environment").get() for _worker in range(2)]
    about = {"now": NOW + HOUR} | ({"last": None} if act is alerting.began else {})
    kind = "webhook_silent" if act is alerting.began else "webhook_heard"
    assert [act(row, "silence_told_at", kind, endpoint=row, **about) for row in rows] == [True, False]
    assert kinds() == [kind]
