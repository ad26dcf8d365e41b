"""The list of endpoints: over all clients, and a client's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from integrations.webhooks import storing
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.verdicts import Verified
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from tests.factories import (
    make_client,
    make_webhook_delivery,
    make_webhook_endpoint,
    make_webhook_event,
    make_webhook_target,
)

pytestmark = pytest.mark.django_db
Verdict, State = WebhookEvent.Verdict, WebhookDelivery.State


@pytest.mark.parametrize(("who", "sees"), [("ada", True), ("ben", True), ("olive", True), ("cora", False)])
@pytest.mark.parametrize("url", ["/webhooks/", "/clients/acme/webhooks/"])
def test_only_who_may_see_a_client_finds_its_endpoints(request, browser_of, acme, who, sees, url):
    make_webhook_endpoint(acme, "acme-stripe", name="Payments")
    page = browser_of(request.getfixturevalue(who)).get(url).content.decode()
    assert ("Payments" in page) is sees


@pytest.mark.parametrize(("who", "can"), [("ada", True), ("ben", False)])
def test_an_empty_list_says_what_will_fill_it(request, browser_of, acme, who, can):
    page = browser_of(request.getfixturevalue(who)).get("/webhooks/").content.decode()
    assert "No webhook arrives here yet" in page
    assert ("/webhooks/new/" in page) is can


@pytest.mark.parametrize(
    ("fields", "tone", "word"),
    [
        ({}, "ok", "Verified"),
        ({"scheme_key": "none", "is_verified_required": False, "secret": ""}, "bad", "Verifies nothing"),
        ({"secret": ""}, "bad", "No secret yet"),
        ({"scheme_key": "gone_vendor"}, "bad", "Scheme not known"),
        ({"scheme_key": "custom", "custom": {"odd": 1}}, "bad", "Scheme not known"),
        ({"pairing_until": timezone.now() + timedelta(minutes=9)}, "info", "Pairing"),
        ({"previous_until": timezone.now() + timedelta(hours=9)}, "ok", "Two secrets count"),
    ],
)
def test_what_is_verified_is_said_in_a_colour_and_in_words(browser_of, ada, acme, fields, tone, word):
    make_webhook_endpoint(acme, **fields)
    page = browser_of(ada).get("/webhooks/").content.decode()
    assert word in page
    assert f'<span class="badge {tone}">' in page


def test_a_secret_that_was_deleted_in_the_vault_verifies_nothing(browser_of, ada, acme):
    endpoint = make_webhook_endpoint(acme)
    vault.delete(endpoint.secret, actor=SYSTEM)
    assert "No secret yet" in browser_of(ada).get("/webhooks/").content.decode()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"is_forwarding_paused": True}, "Paused"),
        ({"disabled_at": timezone.now()}, "Disabled"),
        ({"silent_after_s": 60, "last_event_at": timezone.now() - timedelta(hours=1)}, "Silent"),
        ({}, "Handing on"),
    ],
)
def test_whether_events_go_on_is_said_in_words(browser_of, ada, acme, fields, word):
    make_webhook_target(make_webhook_endpoint(acme, **fields))
    shown = browser_of(ada).get("/webhooks/").context["rows"][0]
    assert shown.forwarding.word == word


def test_what_arrived_lately_is_counted(browser_of, ada, acme):
    endpoint, other, now = make_webhook_endpoint(acme), make_webhook_endpoint(acme, "acme-two"), timezone.now()
    target = make_webhook_target(endpoint)
    ages = [(Verdict.ACCEPTED, 5), (Verdict.RELEASED, 90), (Verdict.QUARANTINED, 5), (Verdict.QUARANTINED, 300)]
    events = [make_webhook_event(endpoint, verdict=v, received_at=now - timedelta(minutes=m)) for v, m in ages]
    make_webhook_event(endpoint, received_at=now - timedelta(hours=25))
    make_webhook_event(other)
    for event, state in zip(events, (State.WAITING, State.SENDING, State.DEAD, State.DELIVERED), strict=True):
        make_webhook_delivery(event, target, state=state)
    rows = {row.endpoint.pk: row.counts for row in browser_of(ada).get("/webhooks/").context["rows"]}
    found = rows[endpoint.pk]
    assert (found.accepted_hour, found.accepted_day, found.refused_hour, found.refused_day) == (1, 2, 1, 2)
    assert (found.waiting, found.dead, found.targets) == (2, 1, 1)
    assert (rows[other.pk].accepted_hour, rows[other.pk].waiting) == (1, 0)


@pytest.mark.parametrize(
    "query",
    [
        "q=payments", "q=acme", "q=hubspot", "client=acme", "scheme=hubspot_v3", "state=paused", "state=no_secret",
        "state=dead", "state=disabled",
    ],
)  # fmt: skip
def test_the_list_is_narrowed(browser_of, olive, acme, query):
    about = {"is_forwarding_paused": True, "disabled_at": timezone.now(), "name": "Payments", "secret": ""}
    wanted = make_webhook_endpoint(acme, "a-one", scheme_key="hubspot_v3", **about)
    make_webhook_delivery(make_webhook_event(wanted), make_webhook_target(wanted), state=State.DEAD)
    make_webhook_endpoint(make_client("zed"), "z-two")
    slugs = [row.endpoint.slug for row in browser_of(olive).get(f"/webhooks/?{query}").context["rows"]]
    assert slugs == ["a-one"]


def test_what_verifies_nothing_can_be_listed(browser_of, olive, acme):
    make_webhook_endpoint(acme, "a-one", scheme_key="none", is_verified_required=False, secret="")
    make_webhook_endpoint(acme, "a-two")
    rows = browser_of(olive).get("/webhooks/?state=unverified").context["rows"]
    assert [row.endpoint.slug for row in rows] == ["a-one"]


def test_a_mistyped_filter_is_ignored(browser_of, ada, acme):
    make_webhook_endpoint(acme)
    assert "acme-stripe" in browser_of(ada).get("/webhooks/?state=odd&client=zed&after=x&scheme=y").content.decode()


def test_htmx_gets_the_rows_alone(browser_of, ada, acme):
    answer = browser_of(ada).get("/webhooks/", headers={"HX-Request": "true"})
    assert answer.content.strip().startswith(b"<section")


def test_many_rows_come_by_pages_and_cost_as_much_as_one(browser_of, ada, acme, django_assert_max_num_queries):
    first = make_webhook_endpoint(acme, "acme-0")
    common = {"client": acme, "environment": first.environment, "scheme_key": "stripe", "secret": first.secret}
    WebhookEndpoint.objects.bulk_create(WebhookEndpoint(slug=f"acme-{n}", **common) for n in range(1, 60))
    browser = browser_of(ada)
    browser.get("/webhooks/")
    with django_assert_max_num_queries(20):
        page = browser.get("/webhooks/")
    assert page.content.decode().count("data-row>") == 50
    assert browser.get(f"/webhooks/?after={page.context['page'].after}").content.decode().count("data-row>") == 10


def test_a_thousand_events_are_counted_in_as_many_queries(browser_of, ada, acme, django_assert_max_num_queries):
    endpoint, now = make_webhook_endpoint(acme), timezone.now()
    target = make_webhook_target(endpoint)
    request = WebhookRequest("POST", "http://localhost/hooks/x", (), b"{}")
    verified = Verified("e", True, now, b"d" * 32, "", 0)
    row = storing.row_of(storing.Arrival(endpoint, request, verified, now))
    kept = {"endpoint": endpoint, "client": acme, "received_at": now, "method": "POST", "body_sealed": row.body_sealed}
    events = WebhookEvent.objects.bulk_create(WebhookEvent(**kept) for _ in range(1_000))
    about = {"target": target, "endpoint": endpoint, "created_at": now, "state": State.DELIVERED}
    WebhookDelivery.objects.bulk_create(WebhookDelivery(event=event, **about) for event in events)
    browser = browser_of(ada)
    with django_assert_max_num_queries(20):
        answer = browser.get("/webhooks/")
    assert answer.context["rows"][0].counts.accepted_day == 1_000


def test_the_list_can_be_taken_along_as_csv(browser_of, ada, acme):
    make_webhook_endpoint(acme, name="=1+1")
    answer = browser_of(ada).get("/webhooks/?format=csv")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0].startswith("endpoint,name,client,environment,scheme,verification")
    assert lines[1].startswith("acme-stripe,'=1+1,Acme,production,stripe,Verified,No target")


def test_several_are_paused_and_resumed_at_once(browser_of, ada, acme):
    ours = [make_webhook_endpoint(acme, f"acme-{n}") for n in range(2)]
    theirs = make_webhook_endpoint(make_client("zed"), "zed-1")
    browser, chosen = browser_of(ada), [str(row.pk) for row in (*ours, theirs)]
    answer = browser.post("/webhooks/acts/", {"do": "pause", "chosen": chosen, "back": "state=paused"})
    assert answer.headers["Location"] == "/webhooks/?state=paused"
    paused = WebhookEndpoint.objects.filter(is_forwarding_paused=True)
    assert set(paused) == set(ours)
    browser.post("/webhooks/acts/", {"do": "resume", "chosen": chosen[:1]})
    assert list(paused.all()) == ours[1:]
    assert (
        list(AuditEvent.objects.filter(action__startswith="webhook.").values_list("action", flat=True)).count(
            "webhook.forwarding_paused"
        )
        == 2
    )


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_not_change_it_pauses_nothing(request, browser_of, acme, who):
    endpoint = make_webhook_endpoint(acme)
    sent = {"do": "pause", "chosen": [str(endpoint.pk), "no-id"]}
    browser_of(request.getfixturevalue(who)).post("/webhooks/acts/", sent)
    endpoint.refresh_from_db()
    assert endpoint.is_forwarding_paused is False
