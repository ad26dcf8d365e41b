"""The quarantine: grouped by reason, verified again once the secret is mended, let in by hand, or deleted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import WebhookDelivery, WebhookEvent
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.ids import uuid7
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.dashboard.webhooks.conftest import arrive, refuse, signed
from tests.dashboard.webhooks.test_event import address_of
from tests.dashboard.webhooks.test_inspector import page_of
from tests.factories import make_webhook_event, make_webhook_target
from tests.proving import prove

pytestmark = pytest.mark.django_db
PAGE = "/webhooks/acme-stripe/quarantine/"
SETTLE = f"{PAGE}settle/"
MENDED = "whsec_mended"


def body_of(number):
    return b'{"id": "evt_%d", "type": "invoice.paid"}' % number


@pytest.fixture
def refused(stripe):
    """Three requests that a newer secret explains, and one that nothing does."""
    at = timezone.now()
    found = [
        refuse(stripe, body_of(n), headers=signed(body_of(n), at=at, secret=MENDED), received_at=at) for n in range(3)
    ]
    return [*found, refuse(stripe, body_of(9), headers=signed(body_of(9), at=at, secret="whsec_forged"))]


def mend(endpoint):
    vault.replace(endpoint.secret, {"secret": Secret(MENDED)}, actor=SYSTEM)


def said_after(browser, address, **form):
    answer = browser.post(address, form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_who_may_see_and_who_may_act(browser_of, ada, ben, cora, refused):
    assert "Verify all again" in page_of(browser_of(ada), PAGE)
    content = page_of(browser_of(ben), PAGE)
    assert "Verify all again" not in content
    assert 'name="chosen"' not in content
    assert browser_of(cora).get(PAGE).status_code == 404
    pk, theirs = refused[0].pk, browser_of(ben)
    prove(theirs)
    for address in (SETTLE, f"/webhooks/events/{pk}/verify/", f"/webhooks/events/{pk}/release/"):
        assert theirs.post(address, {"do": "delete", "all": "yes"}).status_code == 404
    assert WebhookEvent.objects.filter(verdict="quarantined").count() == 4


def test_an_empty_quarantine_says_what_would_fill_it(browser_of, ada, stripe):
    arrive(stripe)
    assert "Nothing is in quarantine" in page_of(browser_of(ada), PAGE)


def test_requests_are_grouped_by_reason_the_most_first(browser_of, ada, stripe):
    for _ in range(3):
        refuse(stripe, reason="mismatch")
    late = refuse(stripe, reason="stale")
    browser = browser_of(ada)
    answer = browser.get(PAGE)
    assert [(group.reason, group.count) for group in answer.context["groups"]] == [("mismatch", 3), ("stale", 1)]
    assert "Compare the secret with the vendor’s" in answer.content.decode()
    assert [row.pk for row in browser.get(PAGE, {"reason": "stale"}).context["page"].rows] == [late.pk]
    assert len(browser.get(PAGE, {"reason": "nonsense"}).context["page"].rows) == 4


def test_after_the_secret_is_mended_what_is_genuine_passes(browser_of, ada, stripe, refused):
    make_webhook_target(stripe)
    browser = browser_of(ada)
    assert "0 accepted, 4 still refused" in said_after(browser, SETTLE, do="verify", all="yes")
    mend(stripe)
    assert "3 accepted, 1 still refused" in said_after(browser, SETTLE, do="verify", all="yes")
    assert WebhookEvent.objects.filter(verdict="released").count() == 3
    assert WebhookDelivery.objects.count() == 3
    assert "verified again later, and released" in page_of(browser, address_of(refused[0]))


def test_only_what_was_chosen_is_verified_again(browser_of, ada, stripe, refused):
    mend(stripe)
    browser = browser_of(ada)
    assert "1 accepted, 0 still refused" in said_after(browser, SETTLE, do="verify", chosen=[str(refused[0].pk)])
    assert "1 accepted, 0 still refused" in said_after(browser, f"/webhooks/events/{refused[1].pk}/verify/")
    assert set(WebhookEvent.objects.filter(verdict="released")) == set(refused[:2])
    assert "Choose at least one" in said_after(browser, SETTLE, do="verify", chosen=["nonsense"])
    assert "Choose what to do" in said_after(browser, SETTLE, do="nonsense", all="yes")


def test_a_copy_of_what_came_meanwhile_is_counted_and_taken_away(browser_of, ada, stripe, refused):
    mend(stripe)
    genuine = arrive(stripe, body_of(0), event_key="evt_0")
    browser = browser_of(ada)
    content = said_after(browser, f"/webhooks/events/{refused[0].pk}/verify/")
    assert "1 had come again meanwhile" in content
    genuine.refresh_from_db()
    assert genuine.duplicates == 1


def test_deleting_takes_what_was_chosen_only(browser_of, ada, stripe, refused):
    browser = browser_of(ada)
    kept = arrive(stripe)
    content = said_after(browser, SETTLE, do="delete", chosen=[str(refused[0].pk), str(kept.pk)])
    assert "1 request deleted" in content
    assert WebhookEvent.objects.count() == 4
    assert AuditEvent.objects.filter(action="webhook.discarded").exists()


def release(browser, event, **form):
    return said_after(browser, f"/webhooks/events/{event.pk}/release/", **form)


def test_releasing_by_hand_asks_for_a_reason_and_says_it_was_not_verified(browser_of, ada, stripe, refused):
    make_webhook_target(stripe)
    browser = browser_of(ada)
    prove(browser)
    event = refused[3]
    assert "I know that it was not verified" in page_of(browser, address_of(event))
    assert "Not released" in release(browser, event, reason="  ", knows="yes")
    assert "Not released" in release(browser, event, reason="I called them")
    assert WebhookDelivery.objects.count() == 0
    content = release(browser, event, reason="I called them", knows="yes")
    assert "nothing proves who sent it" in content
    assert "it was never verified" in content
    event.refresh_from_db()
    assert (event.verdict, event.event_key, event.replay_digest, event.secret_number) == ("released", None, None, None)
    assert WebhookDelivery.objects.filter(event=event).count() == 1
    told = AuditEvent.objects.get(action="webhook.released_unverified")
    assert told.details["reason"] == "I called them"
    assert "not in quarantine any more" in release(browser, event, reason="again", knows="yes")
    assert WebhookDelivery.objects.count() == 1


def test_releasing_asks_again_who_it_is(browser_of, ada, stripe, refused):
    answer = browser_of(ada).post(f"/webhooks/events/{refused[0].pk}/release/", {"reason": "x", "knows": "yes"})
    assert answer.status_code == 302
    assert "reauthenticate" in answer.headers["Location"]
    assert not WebhookEvent.objects.filter(verdict="released").exists()


def test_a_genuine_event_is_still_taken_after_a_forged_one_was_released(browser_of, ada, stripe, refused):
    browser = browser_of(ada)
    prove(browser)
    release(browser, refused[0], reason="trust me", knows="yes")
    mend(stripe)
    assert "1 accepted" in said_after(browser, f"/webhooks/events/{refused[1].pk}/verify/")
    arrive(stripe, body_of(0), event_key="evt_0")


def test_a_thousand_refused_requests_cost_no_more_queries_than_one(
    browser_of, ada, stripe, django_assert_max_num_queries
):
    first, now = make_webhook_event(stripe), timezone.now()
    WebhookEvent.objects.bulk_create(
        WebhookEvent(
            id=uuid7(), endpoint=stripe, client_id=stripe.client_id, received_at=now - timedelta(seconds=n),
            method="POST", verdict="quarantined", reason="mismatch", head_sealed=first.head_sealed,
        )
        for n in range(1_000)
    )  # fmt: skip
    browser = browser_of(ada)
    with django_assert_max_num_queries(20):
        content = page_of(browser, PAGE)
    assert content.count("<tr data-row>") == 50
