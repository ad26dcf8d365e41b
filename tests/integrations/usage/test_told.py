"""A quota that a provider tells at an address of its own is asked for now and then, and for connections in use."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations import outbound
from integrations.models import CallMinute, Connection, LimitReading
from integrations.providers.registry import get_provider
from integrations.usage.told import ask_due, reading_in
from tests.factories import make_client
from tests.integrations.connections.test_told_end import NOW, connected

pytestmark = pytest.mark.django_db
USAGE = get_provider("hubspot").usage
# developers.hubspot.com/docs/api-reference/legacy/account/account-information/get-usage-details
TOLD = {
    "results": [
        {"name": "something-else", "currentUsage": 9, "usageLimit": 9},
        {
            "name": "private-apps-api-calls-daily",
            "usageLimit": 500_000,
            "currentUsage": 125_000,
            "collectedAt": "2026-11-22T11:55:00.789Z",
            "fetchStatus": "SUCCESS",
            "resetsAt": "2026-11-23T04:00:00Z",
        },
    ]
}


class Vendor:
    """Answers, and remembers what was asked."""

    def __init__(self, answer=TOLD, status=200):
        self.asked, self.answer, self.status = [], answer, status

    def __call__(self, method, url, **options):
        self.asked.append((method, url, options["headers"], options["allowed_hosts"]))
        return outbound.Answer(self.status, (), json.dumps(self.answer).encode())


@pytest.fixture
def portal():
    return in_use(connected(make_client(), "hubspot"))


def in_use(connection, ago=timedelta(minutes=5), **fields):
    Connection.objects.filter(pk=connection.pk).update(status="connected", **fields)
    CallMinute.objects.create(connection_id=connection.pk, client_id=connection.client_id, minute=NOW - ago, calls=1)
    connection.refresh_from_db()
    return connection


def test_the_exact_figure_and_when_it_resets_are_kept(portal):
    vendor = Vendor()
    assert ask_due(now=NOW, send=vendor) == 1
    [(method, url, headers, hosts)] = vendor.asked
    assert (method, url) == ("GET", "https://api.hubapi.com/account-info/v3/api-usage/daily/private-apps")
    assert any(str(name).lower().strip("b'") == "authorization" for name in dict(headers))
    assert hosts == ("api.hubapi.com",)
    row = LimitReading.objects.get()
    assert (row.bucket, row.limit, row.remaining, row.source) == ("daily_account", 500_000, 375_000, "usage")
    assert row.resets_at == datetime(2026, 11, 23, 4, tzinfo=UTC)
    assert row.read_at == datetime(2026, 11, 22, 11, 55, 0, 789_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("used", "after", "asks"),
    [(125_000, 50, False), (125_000, 61, True), (450_000, 4, False), (450_000, 16, True)],
)
def test_it_is_asked_once_an_hour_and_more_often_past_the_line(portal, used, after, asks):
    ask_due(now=NOW, send=Vendor())
    LimitReading.objects.update(remaining=500_000 - used, read_at=NOW)
    later, vendor = NOW + timedelta(minutes=after), Vendor()
    CallMinute.objects.update(minute=later)
    ask_due(now=later, send=vendor)
    assert bool(vendor.asked) is asks


def test_two_connections_to_one_portal_ask_once_and_both_are_told(portal):
    other = connected(make_client("beta"), "hubspot")
    Connection.objects.update(account_id="4711")
    in_use(other)
    vendor = Vendor()
    assert ask_due(now=NOW, send=vendor) == 2
    assert len(vendor.asked) == 1
    assert set(LimitReading.objects.values_list("client_id", flat=True)) == {portal.client_id, other.client_id}


@pytest.mark.parametrize(
    "how", [{"kind": "oauth2"}, {"status": "paused"}, {"status": "needs_reconnecting"}], ids=lambda how: next(iter(how))
)
def test_others_are_not_asked_for(portal, how):
    Connection.objects.update(**how)
    vendor = Vendor()
    assert ask_due(now=NOW, send=vendor) == 0
    assert vendor.asked == []


def test_a_connection_that_nobody_calls_is_not_asked_for(portal):
    vendor = Vendor()
    ask_due(now=NOW + timedelta(hours=2), send=vendor)
    assert vendor.asked == []


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_refusal_says_nothing_and_changes_nothing(portal, status):
    assert ask_due(now=NOW, send=Vendor(status=status)) == 0
    portal.refresh_from_db()
    assert portal.status == "connected"
    assert not LimitReading.objects.exists()


def item(**fields):
    return {"results": [{"name": "private-apps-api-calls-daily", "usageLimit": 10, "currentUsage": 1, **fields}]}


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"results": 5}, {"results": [5]}, {"results": []}, item(currentUsage="1"), item(usageLimit=0),
     item(usageLimit=True), item(currentUsage=-1), item(usageLimit=10**30), item(name="x")],
    ids=str,
)  # fmt: skip
def test_an_answer_that_cannot_be_read_says_nothing(answer):
    assert reading_in(answer, USAGE, now=NOW) is None


@pytest.mark.parametrize("resets", ["2026-11-22T04:00:00Z", "2026-12-24T04:00:00Z", "2026-11-23T04:00:00", "soon", 7])
def test_a_reset_that_is_over_far_off_or_without_zone_is_not_taken(resets):
    found = reading_in(item(resetsAt=resets, collectedAt="2031-01-01T00:00:00Z"), USAGE, now=NOW)
    assert found is not None
    assert (found.resets_at, found.read_at, found.remaining) == (None, NOW, 9)


def test_more_used_than_there_is_leaves_nothing():
    found = reading_in(item(currentUsage=12), USAGE, now=NOW)
    assert found is not None
    assert found.remaining == 0
