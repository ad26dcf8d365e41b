"""Events sent again: one to one target, one to all, many at once after a look at what that would be."""

from uuid import uuid4

import pytest
from django.utils import timezone

from integrations.models import WebhookDelivery, WebhookReplay
from secrets_vault.models import AuditEvent
from tests.dashboard.webhooks.conftest import arrive
from tests.dashboard.webhooks.test_event import address_of
from tests.dashboard.webhooks.test_inspector import PAGE, page_of
from tests.dashboard.webhooks.test_quarantine_page import said_after
from tests.factories import make_webhook_delivery, make_webhook_target

pytestmark = pytest.mark.django_db
REPLAY = f"{PAGE}replay/"


@pytest.fixture
def targets(stripe):
    return [make_webhook_target(stripe, f"http://127.0.0.1:9/{name}", name=name) for name in ("n8n", "Make")]


@pytest.fixture
def event(stripe, targets):
    """One event: given up at the first target, taken by the second."""
    found = arrive(stripe)
    make_webhook_delivery(found, targets[0], state="dead", attempts=9, last_status=500, next_at=None)
    make_webhook_delivery(found, targets[1], state="delivered", attempts=1, last_status=200, next_at=None)
    return found


def states(event):
    return list(event.deliveries.order_by("target_id").values_list("state", flat=True))


def act(browser, event, what, **form):
    return said_after(browser, f"{address_of(event)}{what}/", **form)


def test_one_delivery_goes_out_again(browser_of, ada, event):
    browser, dead = browser_of(ada), event.deliveries.get(state="dead")
    assert "The target had a failure of its own (500)" in page_of(browser, address_of(event))
    assert "goes out again to 1 target" in act(browser, event, "resend", delivery=str(dead.pk))
    assert states(event) == ["waiting", "delivered"]
    assert "on its way already" in act(browser, event, "resend", delivery=str(dead.pk))
    assert AuditEvent.objects.filter(action="webhook.sent_again").count() == 1


def test_an_event_goes_out_again_to_all(browser_of, ada, event):
    assert "goes out again to 2 targets" in act(browser_of(ada), event, "resend")
    assert states(event) == ["waiting", "waiting"]


def test_what_is_forgotten_cannot_be_sent_again(browser_of, ada, event):
    type(event).objects.filter(pk=event.pk).update(forgotten_at=timezone.now(), head_sealed=None, body_sealed=None)
    browser = browser_of(ada)
    assert "is gone" in act(browser, event, "resend")
    assert states(event) == ["dead", "delivered"]
    assert "Send again<span" not in page_of(browser, address_of(event))


def test_discarding_asks_for_a_reason(browser_of, ada, event):
    browser, dead = browser_of(ada), event.deliveries.get(state="dead")
    assert "Say why" in act(browser, event, "discard", delivery=str(dead.pk), reason=" ")
    assert states(event) == ["dead", "delivered"]
    assert "Discarded. It is not sent" in act(browser, event, "discard", delivery=str(dead.pk), reason="sent by hand")
    assert states(event) == ["discarded", "delivered"]
    told = AuditEvent.objects.get(action="webhook.delivery_discarded")
    assert told.details["reason"] == "sent by hand"
    delivered = event.deliveries.get(state="delivered")
    assert "is over already" in act(browser, event, "discard", delivery=str(delivered.pk), reason="why not")


def test_a_delivery_of_another_event_or_none_does_not_exist(browser_of, ada, event, stripe, targets):
    browser, other = browser_of(ada), make_webhook_delivery(arrive(stripe), targets[0], state="dead")
    for pk in (other.pk, uuid4(), "nonsense", ""):
        for what in ("resend", "discard"):
            answer = browser.post(f"{address_of(event)}{what}/", {"delivery": str(pk), "reason": "x"})
            assert answer.status_code == 404
    assert not WebhookDelivery.objects.filter(state__in=("waiting", "discarded")).exists()


def test_a_viewer_sees_no_way_to_act_and_has_none(browser_of, ben, cora, event):
    content = page_of(browser_of(ben), address_of(event))
    assert "Send again" not in content
    assert "Discard" not in content
    for person in (ben, cora):
        for address in (f"{address_of(event)}resend/", f"{address_of(event)}discard/", REPLAY, f"{PAGE}test/"):
            assert browser_of(person).post(address, {"chosen": str(event.pk), "do": "replay"}).status_code == 404
    assert states(event) == ["dead", "delivered"]


@pytest.fixture
def seventeen(stripe, targets):
    """Seventeen events; each is over at both targets, and the first is skipped at the second."""
    events = [arrive(stripe, event_key=f"evt_{n}") for n in range(17)]
    for number, event in enumerate(events):
        make_webhook_delivery(event, targets[0], state="dead", next_at=None)
        make_webhook_delivery(event, targets[1], state="delivered" if number else "skipped", next_at=None)
    return events


def test_many_are_sent_again_after_a_look(browser_of, ada, stripe, seventeen):
    browser, chosen = browser_of(ada), [str(event.pk) for event in seventeen]
    content = said_after(browser, REPLAY, do="plan", chosen=chosen)
    assert "17 events, 2 targets, about 4 s" in content
    assert "At 5 a second to each target" in content
    assert not WebhookDelivery.objects.filter(state="waiting").exists()
    content = said_after(browser, REPLAY, do="replay", chosen=chosen)
    assert "33 deliveries go out again" in content
    assert "33 of 33 deliveries are still to go out again" in content
    assert WebhookDelivery.objects.filter(state="waiting").count() == 33
    assert WebhookDelivery.objects.filter(state="skipped").count() == 1
    content = said_after(browser, f"/webhooks/replays/{WebhookReplay.objects.get().pk}/stop/")
    assert "Stopped. 33 deliveries were taken back" in content
    assert WebhookDelivery.objects.filter(state="dead").count() == 17
    assert "still to go out" not in page_of(browser)


def test_a_choice_of_nothing_says_so(browser_of, ada, stripe):
    browser, lonely = browser_of(ada), arrive(stripe)
    assert "Choose at least one event" in said_after(browser, REPLAY, do="plan", chosen=["nonsense"])
    assert "Nothing of it can be sent" in said_after(browser, REPLAY, do="plan", chosen=[str(lonely.pk)])
    assert "Nothing was sent" in said_after(browser, REPLAY, do="replay", chosen=[str(lonely.pk)])


def test_events_of_another_endpoint_are_not_sent_by_this_one(browser_of, ada, acme, stripe, seventeen):
    from tests.factories import make_webhook_endpoint

    make_webhook_endpoint(acme, "acme-other")
    content = said_after(browser_of(ada), "/webhooks/acme-other/replay/", do="replay", chosen=[str(seventeen[0].pk)])
    assert "Nothing was sent" in content


class TestSender:
    """The test event, through the inlet itself."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture(autouse=True)
    def nobody_listens(self, settings):
        settings.KEYLODGE_PORT = 1

    def test_a_good_one_and_a_bad_one_show_what_came_of_them(self, browser_of, ada, stripe):
        browser = browser_of(ada)
        assert "Rightly signed" in page_of(browser)
        content = said_after(browser, f"{PAGE}test/", variant="good")
        assert "answered 200: rightly signed, accepted and kept" in content
        assert "Accepted and kept" in content
        content = said_after(browser, f"{PAGE}test/", variant="tampered")
        assert "answered 401: refused and kept in quarantine, as it should be" in content
        assert "It does not fit" in content

    def test_only_the_vendor_can_sign_where_it_alone_has_the_key(self, browser_of, ada, acme):
        from tests.factories import make_webhook_endpoint

        make_webhook_endpoint(acme, "acme-stripe", scheme_key="discord", secret="ab" * 32)
        browser = browser_of(ada)
        content = page_of(browser)
        assert "Only Discord can sign" in content
        assert "Rightly signed" not in content
        assert "only the vendor has" in said_after(browser, f"{PAGE}test/", variant="good")
