"""Dead letters: over all endpoints, by target, sent again or discarded; and the targets that do not answer."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import WebhookDelivery
from tests.dashboard.webhooks.conftest import arrive
from tests.dashboard.webhooks.test_inspector import page_of
from tests.dashboard.webhooks.test_quarantine_page import said_after
from tests.factories import make_client, make_webhook_delivery, make_webhook_endpoint, make_webhook_target

pytestmark = pytest.mark.django_db
PAGE = "/webhooks/dead-letters/"
SETTLE = f"{PAGE}settle/"


@pytest.fixture
def letters(acme, stripe):
    """Two at Stripe's target, one at GitHub's, one of a client nobody but the owner knows, one that is delivered."""
    github, beta = make_webhook_endpoint(acme, "acme-github", scheme_key="github"), make_client("beta")
    foreign = make_webhook_endpoint(beta, "beta-stripe")
    first, second = make_webhook_target(stripe, name="n8n"), make_webhook_target(github, name="Make")
    third = make_webhook_target(foreign, name="Their own")
    about = {"state": "dead", "next_at": None, "attempts": 12, "last_status": 503}
    found = [make_webhook_delivery(arrive(stripe), first, **about) for _ in range(2)]
    found.append(make_webhook_delivery(arrive(github), second, **about))
    found.append(make_webhook_delivery(arrive(foreign), third, **about))
    make_webhook_delivery(arrive(stripe), first, state="delivered")
    return found


def test_each_person_sees_what_is_theirs(browser_of, ada, ben, cora, olive, letters):
    for person, count in ((ada, 3), (ben, 3), (cora, 0), (olive, 4)):
        content = page_of(browser_of(person), PAGE)
        assert content.count("<tr data-row>") == count, person
    assert 'name="chosen"' not in page_of(browser_of(ben), PAGE)
    assert "No dead letters" in page_of(browser_of(cora), PAGE)


def test_one_target_or_endpoint_is_shown(browser_of, ada, letters):
    browser = browser_of(ada)
    content = page_of(browser, PAGE, target=str(letters[2].target_id))
    assert content.count("<tr data-row>") == 1
    assert "n8n (2)" in content
    assert page_of(browser, PAGE, endpoint=str(letters[0].endpoint_id)).count("<tr data-row>") == 2
    assert page_of(browser, PAGE, target="nonsense").count("<tr data-row>") == 3
    assert "The target had a failure of its own (503)" in content


def test_many_over_several_endpoints_are_sent_again_after_a_look(browser_of, ada, letters):
    browser = browser_of(ada)
    content = said_after(browser, SETTLE, do="plan", all="yes")
    assert "3 events, 2 targets, about 1 s" in content
    assert not WebhookDelivery.objects.filter(state="waiting").exists()
    assert "3 deliveries go out again" in said_after(browser, SETTLE, do="replay", all="yes")
    letters[3].refresh_from_db()
    assert letters[3].state == "dead"


def test_all_of_one_target_leave_the_others_alone(browser_of, ada, letters):
    browser, target = browser_of(ada), str(letters[2].target_id)
    answer = browser.post(SETTLE, {"do": "plan", "all": "yes", "target": target})
    assert f'name="target" value="{target}"' in answer.content.decode()
    said_after(browser, SETTLE, do="replay", all="yes", target=target)
    assert list(WebhookDelivery.objects.filter(state="waiting")) == [letters[2]]


def test_what_is_chosen_is_sent_or_discarded_and_nothing_of_a_stranger(browser_of, ada, ben, cora, letters):
    browser, chosen = browser_of(ada), [str(letter.pk) for letter in (letters[0], letters[3])]
    assert "Choose at least one" in said_after(browser, SETTLE, do="replay", chosen=["nonsense"])
    assert "Choose what to do" in said_after(browser, SETTLE, chosen=chosen)
    assert "Say why" in said_after(browser, SETTLE, do="discard", chosen=chosen)
    for person in (ben, cora):
        said_after(browser_of(person), SETTLE, do="discard", reason="mine", chosen=chosen)
        said_after(browser_of(person), SETTLE, do="replay", all="yes")
    assert WebhookDelivery.objects.filter(state="dead").count() == 4
    assert "1 delivery discarded" in said_after(browser, SETTLE, do="discard", reason="too old", chosen=chosen)
    assert "1 delivery goes out again" in said_after(browser, SETTLE, do="replay", chosen=[str(letters[1].pk)])
    assert [WebhookDelivery.objects.get(pk=row.pk).state for row in letters] == ["discarded", "waiting", "dead", "dead"]


def test_a_target_that_does_not_answer_is_shown_and_can_be_tried(browser_of, ada, ben, letters):
    target = letters[0].target
    target.breaker_state, target.failures_in_row = "open", 7
    target.breaker_until = timezone.now() + timedelta(minutes=9)
    target.save()
    browser, address = browser_of(ada), f"/webhooks/targets/{target.pk}/try/"
    content = page_of(browser, PAGE)
    assert "7 failures in a row" in content
    assert "tried again" in content
    assert "Try now" not in page_of(browser_of(ben), PAGE)
    assert browser_of(ben).post(address).status_code == 404
    content = said_after(browser, address)
    assert "Nothing was sent there" in content or "could not be reached" in content
    assert WebhookDelivery.objects.filter(target=target, tries__isnull=False).count() == 1


def test_two_thousand_dead_letters_cost_no_more_queries_than_one(
    browser_of, ada, stripe, django_assert_max_num_queries
):
    from integrations.models import WebhookEvent
    from secrets_vault.ids import uuid7

    target, now = make_webhook_target(stripe), timezone.now()
    events = [
        WebhookEvent(id=uuid7(), endpoint=stripe, client_id=stripe.client_id, received_at=now, method="POST")
        for _ in range(2_000)
    ]
    WebhookEvent.objects.bulk_create(events)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(event=event, target=target, endpoint=stripe, created_at=now, state="dead") for event in events
    )
    browser = browser_of(ada)
    with django_assert_max_num_queries(20):
        content = page_of(browser, PAGE)
    assert "More than 1,000 deliveries" in content
    assert content.count("<tr data-row>") == 50
