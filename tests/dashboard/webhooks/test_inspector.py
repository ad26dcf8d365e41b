"""An endpoint's page: how it stands, its last day, its events, and who may see them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import WebhookDelivery, WebhookEvent
from secrets_vault.ids import uuid7
from secrets_vault.models import AuditEvent
from tests.dashboard.webhooks.conftest import arrive, refuse
from tests.factories import (
    make_webhook_delivery,
    make_webhook_endpoint,
    make_webhook_event,
    make_webhook_target,
)

pytestmark = pytest.mark.django_db
PAGE = "/webhooks/acme-stripe/"


def page_of(browser, address=PAGE, **query):
    answer = browser.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("ben", 200), ("olive", 200), ("cora", 404)])
def test_a_strangers_endpoint_does_not_exist(request, browser_of, stripe, who, status):
    assert browser_of(request.getfixturevalue(who)).get(PAGE).status_code == status
    assert browser_of(request.getfixturevalue(who)).get("/webhooks/nothing/").status_code == 404


def test_an_endpoint_without_events_says_what_will_fill_it(browser_of, ada, stripe):
    content = page_of(browser_of(ada))
    assert "Nothing has arrived yet" in content
    assert 'value="http://localhost/hooks/acme-stripe"' in content or "/hooks/acme-stripe" in content
    assert "none yet" in content


def test_events_of_another_endpoint_are_not_in_the_list(browser_of, ada, acme, stripe):
    other = make_webhook_endpoint(acme, "acme-other")
    mine, theirs = arrive(stripe), arrive(other)
    content = page_of(browser_of(ada))
    assert str(mine.pk) in content
    assert str(theirs.pk) not in content


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Verified"),
        ({"scheme_key": "none", "secret": "", "is_verified_required": False}, "Verifies nothing"),
        ({"scheme_key": "of-another-world"}, "Scheme not known"),
        ({"secret": ""}, "No secret yet"),
        ({"disabled_at": timezone.now()}, "Disabled"),
    ],
)
def test_the_head_says_whether_what_arrives_is_proven(browser_of, ada, acme, fields, word):
    make_webhook_endpoint(acme, "acme-stripe", **fields)
    assert word in page_of(browser_of(ada))


def test_silence_is_said_once_it_is_longer_than_allowed(browser_of, ada, stripe):
    stripe.silent_after_s, stripe.last_event_at = 3600, timezone.now() - timedelta(minutes=30)
    stripe.save()
    assert "Silent" not in page_of(browser_of(ada))
    stripe.last_event_at = timezone.now() - timedelta(hours=3)
    stripe.save()
    assert "Silent" in page_of(browser_of(ada))


def test_how_long_the_vendor_waits_is_said_where_it_is_known(browser_of, ada, acme, stripe):
    make_webhook_endpoint(acme, "acme-github", scheme_key="github")
    assert "10 s for an answer" in page_of(browser_of(ada), "/webhooks/acme-github/")
    assert "never comes again by itself" in page_of(browser_of(ada), "/webhooks/acme-github/")
    assert "gives an event up after 3 days" in page_of(browser_of(ada))


def test_while_refused_requests_wait_the_page_says_when_the_vendor_gives_up(browser_of, ada, stripe):
    refuse(stripe, ago=timedelta(days=5))
    assert "gives the oldest up" not in page_of(browser_of(ada))
    refuse(stripe, ago=timedelta(days=1))
    refuse(stripe, ago=timedelta(hours=1))
    glance = browser_of(ada).get(PAGE).context["glance"]
    assert timedelta(days=1, hours=23) < glance.gives_up_at - timezone.now() < timedelta(days=2)
    assert "gives the oldest up" in page_of(browser_of(ada))


def test_the_last_day_is_counted_by_the_hour(browser_of, ada, stripe):
    arrive(stripe, ago=timedelta(hours=2), duplicates=4)
    arrive(stripe, ago=timedelta(hours=2))
    refuse(stripe, ago=timedelta(hours=5))
    arrive(stripe, ago=timedelta(hours=30))
    day = browser_of(ada).get(PAGE).context["day"]
    assert (day.accepted, day.refused, day.again) == (2, 1, 4)
    assert len(day.hours) == 24
    assert [(hour.accepted, hour.refused, hour.again) for hour in day.busy] == [(2, 0, 4), (0, 1, 0)]


@pytest.fixture
def four(stripe):
    """Four events that differ in everything one can filter by."""
    target = make_webhook_target(stripe)
    found = {
        "accepted": arrive(stripe, event_type="invoice.paid", event_key="evt_first", ago=timedelta(hours=3)),
        "again": arrive(stripe, event_type="charge.failed", duplicates=2, last_duplicate_at=timezone.now()),
        "refused": refuse(stripe, reason="stale", why="It was signed 900 seconds ago.", remote_ip="198.51.100.7"),
        "test": arrive(stripe, event_type="ping", is_test=True),
    }
    make_webhook_delivery(found["accepted"], target, state="dead")
    make_webhook_delivery(found["again"], target, state="delivered")
    return found


NARROWED = [
    ({}, {"accepted", "again", "refused", "test"}),
    ({"verdict": "accepted"}, {"accepted", "again", "test"}),
    ({"verdict": "quarantined"}, {"refused"}),
    ({"verdict": "again"}, {"again"}),
    ({"verdict": "test"}, {"test"}),
    ({"type": "charge.failed"}, {"again"}),
    ({"type": "of.another.world"}, {"accepted", "again", "refused", "test"}),
    ({"delivery": "dead"}, {"accepted"}),
    ({"delivery": "delivered"}, {"again"}),
    ({"delivery": "none"}, {"refused", "test"}),
    ({"q": "evt_first"}, {"accepted"}),
    ({"q": "198.51.100"}, {"refused"}),
    ({"q": "900 seconds"}, {"refused"}),
    ({"q": "%"}, set()),
    ({"when": "last 1 h"}, {"again", "refused", "test"}),
    ({"when": "nonsense"}, {"accepted", "again", "refused", "test"}),
]


def test_the_list_is_narrowed(browser_of, ada, four):
    browser, names = browser_of(ada), {event.pk: name for name, event in four.items()}
    for query, finds in NARROWED:
        found = {names[event.pk] for event in browser.get(PAGE, query).context["events"]}
        assert found == finds, query


def test_a_filter_that_finds_nothing_says_so(browser_of, ada, four):
    assert "No event matches" in page_of(browser_of(ada), q="nowhere")
    assert "Not a time I understand" in page_of(browser_of(ada), when="nonsense")


def test_the_worst_delivery_says_how_an_event_stands(browser_of, ada, stripe):
    event = arrive(stripe)
    for state in ("delivered", "dead", "delivered"):
        make_webhook_delivery(event, make_webhook_target(stripe, f"http://127.0.0.1:9/{uuid7()}"), state=state)
    content = page_of(browser_of(ada))
    assert "Given up" in content
    assert "2 of 3" in content


def test_a_live_list_in_which_nothing_changed_is_left_alone(browser_of, ada, stripe):
    event = arrive(stripe)
    browser, htmx = browser_of(ada), {"HX-Request": "true"}
    newest = browser.get(PAGE, {"live": "on"}).context["newest"]
    assert browser.get(PAGE, {"live": "on", "newest": newest}, headers=htmx).status_code == 204
    WebhookEvent.objects.filter(pk=event.pk).update(duplicates=1)
    answer = browser.get(PAGE, {"live": "on", "newest": newest}, headers=htmx)
    assert answer.status_code == 200
    assert answer.content.startswith(b"\n    <section") or b"<html" not in answer.content
    newest = answer.context["newest"]
    make_webhook_delivery(event, make_webhook_target(stripe), state="delivered")
    assert browser.get(PAGE, {"live": "on", "newest": newest}, headers=htmx).status_code == 200


def test_what_a_vendor_wrote_is_only_text(browser_of, ada, stripe):
    arrive(stripe, event_type="<script>alert(1)</script>", event_key="<img src=x onerror=alert(1)>")
    refuse(stripe, why="<b>why</b>", remote_ip="<i>ip</i>")
    content = page_of(browser_of(ada))
    for markup in ("<script>alert", "<img src=x", "<b>why", "<i>ip"):
        assert markup not in content


def test_the_list_as_a_file_is_safe_for_a_spreadsheet_and_in_the_book(browser_of, ada, stripe):
    arrive(stripe, event_type="=cmd()", event_key="evt_1")
    text = b"".join(browser_of(ada).get(PAGE, {"format": "csv"}).streaming_content).decode()
    header, line = text.strip().split("\r\n")
    assert header.startswith("event id,received at,verdict")
    assert "'=cmd()" in line
    assert AuditEvent.objects.filter(action="export.made", object_label="Events of acme-stripe as CSV").exists()


@pytest.fixture
def many(stripe):
    """Ten thousand events in an hour, each with a delivery, written as cheaply as can be."""
    first = make_webhook_event(stripe)
    target, now = make_webhook_target(stripe), timezone.now()
    ids = [uuid7(int((now - timedelta(seconds=n / 3)).timestamp() * 1000)) for n in range(10_000)]
    about = {"endpoint": stripe, "client_id": stripe.client_id, "method": "POST", "head_sealed": first.head_sealed}
    WebhookEvent.objects.bulk_create(
        WebhookEvent(id=pk, received_at=now - timedelta(seconds=n / 3), event_type=f"type.{n % 7}", **about)
        for n, pk in enumerate(ids)
    )
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            event_id=pk, target=target, endpoint=stripe, created_at=now, state="dead" if n % 9 else "delivered"
        )
        for n, pk in enumerate(ids)
    )
    return stripe


def test_ten_thousand_events_cost_no_more_queries_than_one(browser_of, ada, many, django_assert_max_num_queries):
    browser = browser_of(ada)
    with django_assert_max_num_queries(20):
        content = page_of(browser)
    assert "more than 1,000 events" in content
    assert content.count("<tr data-row>") == 50
    with django_assert_max_num_queries(20):
        page_of(browser, delivery="dead", type="type.3", q="type", when="last 2 h")
    seen = set()
    after = ""
    for _ in range(3):
        answer = browser.get(PAGE, {"after": after} if after else {}, headers={"HX-Request": "true"})
        rows = {event.pk for event in answer.context["events"]}
        assert not seen & rows
        seen |= rows
        after = answer.context["page"].after
    assert len(seen) == 150
