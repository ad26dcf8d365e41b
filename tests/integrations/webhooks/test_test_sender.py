"""A test event goes through the front door, is marked as one, and says what came of it."""

from __future__ import annotations

import pytest

from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from integrations.outbound import OutboundError
from integrations.webhooks import test_sender
from integrations.webhooks.samples import CannotSign
from integrations.webhooks.test_sender import send_test
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent
from tests.factories import make_client, make_webhook_endpoint, make_webhook_target

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def endpoint(settings):
    settings.KEYLODGE_PORT = 1  # nothing of ours listens there
    made = make_webhook_endpoint(make_client(), secret="whsec_canary")
    make_webhook_target(made)
    return made


def test_a_good_one_is_accepted_handed_on_and_marked(endpoint):
    sent = send_test(endpoint, actor=COMMAND)
    event = WebhookEvent.objects.get()
    assert (sent.status, sent.way, sent.is_as_expected) == (200, "inlet", True)
    assert (event.verdict, event.is_test, event.event_type) == ("accepted", True, "keylodge.test")
    assert sent.event == event
    assert WebhookDelivery.objects.filter(event=event).count() == 1


@pytest.mark.parametrize(("variant", "reason"), [("tampered", "mismatch"), ("stale", "stale")])
def test_a_bad_one_is_refused_kept_and_marked(endpoint, variant, reason):
    sent = send_test(endpoint, variant=variant, actor=COMMAND)
    event = WebhookEvent.objects.get()
    assert (sent.status, sent.is_as_expected) == (401, True)
    assert (event.verdict, event.reason, event.is_test) == ("quarantined", reason, True)
    assert not WebhookDelivery.objects.exists()


def test_two_are_two_events(endpoint):
    first, second = send_test(endpoint, actor=COMMAND), send_test(endpoint, actor=COMMAND)
    assert first.event != second.event
    assert WebhookEvent.objects.filter(duplicates=0).count() == 2


def test_what_is_not_as_expected_says_so(endpoint):
    WebhookEndpoint.objects.update(ip_ranges=["192.0.2.1"])
    endpoint.refresh_from_db()
    sent = send_test(endpoint, actor=COMMAND)
    assert (sent.status, sent.is_as_expected, sent.event.reason) == (401, False, "address")


def test_a_disabled_endpoint_stores_nothing(endpoint):
    from django.utils import timezone

    WebhookEndpoint.objects.update(disabled_at=timezone.now())
    sent = send_test(endpoint, actor=COMMAND)
    assert (sent.status, sent.event, sent.is_as_expected) == (410, None, False)


def test_the_book_says_that_it_was_tested_and_holds_nothing_of_it(endpoint):
    send_test(endpoint, actor=COMMAND)
    (event,) = AuditEvent.objects.filter(action="webhook.tested")
    assert event.details == {"variant": "good", "status": 200, "way": "inlet"}
    assert "canary" not in repr(list(AuditEvent.objects.values()))


def test_an_endpoint_without_a_secret_cannot_be_tested(endpoint):
    WebhookEndpoint.objects.update(secret=None)
    endpoint.refresh_from_db()
    with pytest.raises(CannotSign, match="no secret"):
        send_test(endpoint, actor=COMMAND)
    assert not WebhookEvent.objects.exists()


def test_an_endpoint_that_verifies_nothing_takes_a_good_one_only(endpoint):
    WebhookEndpoint.objects.update(scheme_key="none", is_verified_required=False)
    endpoint.refresh_from_db()
    assert send_test(endpoint, actor=COMMAND).is_as_expected
    with pytest.raises(CannotSign, match="verifies nothing"):
        send_test(endpoint, variant="tampered", actor=COMMAND)


def test_an_answer_over_http_is_taken_as_it_is(endpoint):
    sent = send_test(endpoint, actor=COMMAND, knock=lambda request: 200)
    assert (sent.status, sent.way, sent.event) == (200, "http", None)


def test_it_knocks_at_this_installations_own_port_under_the_registered_address(endpoint, monkeypatch, settings):
    seen = []

    def send(method, url, **more):
        seen.append((method, url, more["private_hosts"]))
        raise OutboundError("nobody there")

    monkeypatch.setattr(test_sender.outbound, "send", send)
    settings.KEYLODGE_PUBLIC_URL = "https://keys.example.com"
    assert send_test(endpoint, actor=COMMAND).way == "inlet"
    assert seen == [("POST", "http://127.0.0.1:1/hooks/acme-stripe", ["127.0.0.1:1"])]
