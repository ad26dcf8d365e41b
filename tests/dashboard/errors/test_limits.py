"""Limits: gauges tightest first, where the numbers come from, the last 24 hours, the slow-down line."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.limits import Reading
from integrations.models import CallHour, Connection, CustomProvider, GatewayToken, LimitReading
from integrations.models.call import Outcome
from integrations.providers.custom import custom_from
from secrets_vault.models import AuditEvent
from tests.dashboard.errors.conftest import connect, write
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def read(connection, remaining, *, limit=1000, resets_in=timedelta(minutes=5), bucket="daily"):
    now = timezone.now()
    return LimitReading.objects.create(
        connection_id=connection.pk, client_id=connection.client_id, bucket=bucket, limit=limit, remaining=remaining,
        window_s=60, resets_at=now + resets_in, read_at=now, source="headers",
    )  # fmt: skip


def page_of(browser, **query):
    answer = browser.get("/limits/", query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(("who", "sees"), [("ada", True), ("ben", True), ("olive", True), ("cora", False)])
def test_only_who_may_see_a_client_sees_its_limits(request, browser_of, hubspot, who, sees):
    read(hubspot, 100)
    assert ("900 of 1,000 used, 100 left" in page_of(browser_of(request.getfixturevalue(who)))) is sees


def test_an_empty_page_says_what_will_fill_it(browser_of, ada):
    assert "No limit is known yet" in page_of(browser_of(ada))
    assert "No limit is known yet" in page_of(browser_of(ada), client="nobody")


def test_what_an_answer_tells_moves_the_gauge(browser_of, ada, hubspot):
    write(hubspot, status=200, outcome=Outcome.OK, readings=[Reading("burst", 190, 19, 10)])
    content = page_of(browser_of(ada))
    assert "171 of 190 used, 19 left" in content
    assert "Told by the provider" in content
    assert "past the line" in content


def test_a_limit_whose_window_has_ended_is_empty_again(browser_of, ada, hubspot):
    read(hubspot, 0, resets_in=timedelta(seconds=-1))
    content = page_of(browser_of(ada))
    assert "0 of 1,000 used" in content
    assert "its window has ended since" in content


def test_without_headers_the_documented_limit_and_our_own_count_stand(browser_of, ada, acme):
    stripe = connect(acme, "acme-stripe", "stripe", kind="api_key")
    write(stripe, status=200, outcome=Outcome.OK, attempts=3)
    content = page_of(browser_of(ada))
    assert "our own count: calls through Keylodge only" in content
    assert "3 of 100 used" in content
    assert "Told by the provider" not in content


def test_what_is_documented_stands_beside_what_an_answer_told(browser_of, ada, hubspot):
    read(hubspot, 400)
    card = page_of(browser_of(ada)).split('id="c-acme-hubspot"')[1]
    assert "600 of 1,000 used" in card
    assert "HubSpot documents: 110 in 10 s, per app and portal" in card


def test_a_described_provider_shows_the_limits_it_declares(browser_of, ada, acme):
    injections = {"api_key": {"in": "header", "name": "X-Key", "template": "{token}"}}
    facts = custom_from(
        {"base_url": "https://api.shop.test"}, key="custom-shop", name="Shop", today=timezone.localdate(), where="x",
        injections=injections, limits=[{"bucket": "minute", "limit": 40, "window_s": 60, "per": "per shop"}],
    )  # fmt: skip
    CustomProvider.objects.create(key="custom-shop", name="Shop", facts=facts)
    shop = connect(acme, "acme-shop", "custom-shop", kind="api_key")
    write(shop, status=200, outcome=Outcome.OK)
    assert "1 of 40 used" in page_of(browser_of(ada))
    read(shop, 7, limit=10)
    content = page_of(browser_of(ada))
    assert "3 of 10 used" in content
    assert "Shop documents: 40 in 1 min, per shop" in content


def test_the_tightest_stands_first(browser_of, ada, acme):
    for slug, remaining in (("calm", 900), ("tight", 10), ("half", 500)):
        read(connect(acme, slug), remaining)
    content = page_of(browser_of(ada))
    assert content.index('id="c-tight"') < content.index('id="c-half"') < content.index('id="c-calm"')


def test_a_window_without_an_end_lasts_as_long_as_it_says(browser_of, ada, acme):
    read(connect(acme, "half"), 500)
    for slug, remaining, read_ago_s in (("over", 0, 61), ("running", 10, 5)):
        pk = read(connect(acme, slug), remaining).pk
        read_at = timezone.now() - timedelta(seconds=read_ago_s)
        LimitReading.objects.filter(pk=pk).update(resets_at=None, read_at=read_at)
    content = page_of(browser_of(ada))
    assert content.index('id="c-running"') < content.index('id="c-half"') < content.index('id="c-over"')
    assert "3 connections with a known limit · 1 past the slow-down line" in content


@pytest.mark.parametrize(("limit", "remaining"), [(0, 0), (None, 5), (10, None), (10, 12)])
def test_a_limit_told_in_part_stands_last(browser_of, ada, acme, limit, remaining):
    read(connect(acme, "odd"), remaining, limit=limit)
    read(connect(acme, "calm"), 999)
    content = page_of(browser_of(ada))
    assert content.index('id="c-calm"') < content.index('id="c-odd"')


def test_who_used_it_is_named_by_token(browser_of, ada, acme, hubspot):
    read(hubspot, 10)
    token = GatewayToken.objects.create(client=acme, name="Lead intake", prefix="klg_", token_hash=b"x" * 32)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for token_id, calls in ((token.pk, 1200), (hubspot.pk, 30)):
        CallHour.objects.create(
            connection_id=hubspot.pk, client_id=acme.pk, token_id=token_id, hour=hour, calls=calls, failed=1
        )
    content = page_of(browser_of(ada))
    assert "<dt>Lead intake</dt><dd>1,200 calls</dd>" in content
    assert "a token that is gone" in content
    assert "1,230 calls in 24 hours" in content


@pytest.mark.parametrize(
    ("query", "sees"),
    [
        ({}, {"a", "b"}),
        ({"provider": "hubspot"}, {"a"}),
        ({"environment": "staging"}, {"b"}),
        ({"client": "acme"}, {"a", "b"}),
    ],
)
def test_the_list_is_narrowed(browser_of, ada, acme, query, sees):
    read(connect(acme, "a"), 10)
    read(connect(acme, "b", "openai", environment=acme.environments.last()), 20)
    content = page_of(browser_of(ada), **query)
    assert {slug for slug in ("a", "b") if f'id="c-{slug}"' in content} == sees


def test_a_manager_moves_the_slow_down_line(browser_of, ada, hubspot):
    read(hubspot, 10)
    answer = browser_of(ada).post("/limits/acme-hubspot/slow-down/", {"percent": "65"}, follow=True)
    assert "the slow-down line is at 65 %" in answer.content.decode()
    assert Connection.objects.get().slow_down_percent == 65
    event = AuditEvent.objects.get(action="connection.changed")
    assert event.details == {"slow_down_percent": 65, "was": 80}


@pytest.mark.parametrize("percent", ["", "9", "101", "many", "-5", "50.5"])
def test_a_line_that_is_none_is_refused_in_words(browser_of, ada, hubspot, percent):
    answer = browser_of(ada).post("/limits/acme-hubspot/slow-down/", {"percent": percent}, follow=True)
    assert "from 10 to 100 percent" in answer.content.decode()
    assert Connection.objects.get().slow_down_percent == 80


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_not_manage_moves_no_line(request, browser_of, hubspot, who):
    read(hubspot, 10)
    browser = browser_of(request.getfixturevalue(who))
    assert browser.post("/limits/acme-hubspot/slow-down/", {"percent": "65"}).status_code == 404
    assert "/slow-down/" not in page_of(browser)


@pytest.mark.parametrize("many", [1, 40])
def test_limits_take_at_most_20_queries(browser_of, olive, many):
    for i in range(many):
        client = make_client(f"c{i}")
        read(connect(client, f"c{i}-a"), i)
        connect(client, f"c{i}-b", "stripe", kind="api_key")
    browser = browser_of(olive)
    with ExitStack() as stack:
        seen = [stack.enter_context(CaptureQueriesContext(connection)) for connection in connections.all()]
        page_of(browser)
    assert sum(len(of_one) for of_one in seen) <= 20, [q["sql"] for of_one in seen for q in of_one.captured_queries]
