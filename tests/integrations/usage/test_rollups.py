"""Minutes, days and places are counted with the batch that writes the calls, and are forgotten in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connections
from django.db.models import Sum

from integrations.causes import path_template
from integrations.models import CallDay, CallHour, CallMinute, PathHour
from integrations.models.call import NO_TOKEN
from integrations.models.router import calls_alias
from integrations.usage import places, rollups
from integrations.usage.places import place_of
from secrets_vault.ids import uuid7
from tests.integrations.call_log.test_writing import CLIENT, CONNECTION, NOW, TOKEN, failed, record, write

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(rollups, "_places", places.Places())


def test_calls_are_counted_by_minute_and_by_day_for_each_caller():
    write(
        record(at=NOON, attempts=3),
        failed(at=NOON + timedelta(seconds=20)),
        record(at=NOON + timedelta(seconds=40), token_id=None),
        record(at=NOON + timedelta(hours=12)),
        record(at=NOON, connection_id=None),
    )
    minutes = CallMinute.objects.order_by("minute", "token_id").values_list("minute", "token_id", "calls", "failed")
    first = NOON.replace(second=0)
    after = first + timedelta(minutes=1)
    assert list(minutes) == [(first, TOKEN, 2, 1), (after, NO_TOKEN, 1, 0), (first + timedelta(hours=12), TOKEN, 1, 0)]
    days = CallDay.objects.filter(token_id=TOKEN).order_by("day").values_list("day", "calls", "failed", "repeated")
    assert list(days) == [(date(2026, 11, 22), 2, 1, 2), (date(2026, 11, 23), 1, 0, 0)]


@pytest.mark.parametrize(
    "path",
    [
        "/files/report-5f7a1c2e0d9b3a4c6e7d8f901b2c3d4e",
        "/rows/a,1234,b",
        "/by/id=90210",
        "/x/q_1b7e0c0f-7d2e-4e43-9d5d-0d1c2c0b6a99",
    ],
)
def test_a_place_never_shows_an_id_that_nobody_asked_for(path):
    assert place_of("GET", f"{path}?limit=1") == ("GET", path_template(path))


def test_places_are_counted_with_their_ids_folded_and_without_queries():
    write(
        record(target=b"/crm/v3/objects/contacts/151?limit=1"),
        record(target=b"/crm/v3/objects/contacts/152?limit=9&after=3"),
        failed(target=b"/crm/v3/objects/contacts/153", status=403),
        record(method="POST", target=b"/crm/v3/objects/contacts"),
    )
    found = {(row.method, row.path): (row.calls, row.failed) for row in PathHour.objects.all()}
    assert found == {
        ("GET", "/crm/v3/objects/contacts/{id}"): (3, 1),
        ("POST", "/crm/v3/objects/contacts"): (1, 0),
    }


def test_a_connection_has_few_rows_an_hour_however_many_paths_are_called():
    write(*(record(target=b"/page-%s" % ("x" * n).encode()) for n in range(1, 90)))
    assert PathHour.objects.count() == places.MOST_PLACES + 1
    assert PathHour.objects.get(path="").calls == 89 - places.MOST_PLACES
    assert PathHour.objects.aggregate(calls=Sum("calls"))["calls"] == 89


def test_paths_tried_at_random_take_no_place_from_those_that_exist():
    write(*(failed(target=b"/wp-%s" % ("x" * n).encode()) for n in range(1, 60)), record(target=b"/real"))
    assert {row.path: row.calls for row in PathHour.objects.all()} == {"": 59, "/real": 1}


def test_a_second_process_counts_in_the_rows_of_the_first(monkeypatch):
    write(*(record(target=b"/page-%s" % ("x" * n).encode()) for n in range(1, 41)))
    monkeypatch.setattr(rollups, "_places", places.Places())
    write(record(target=b"/page-x"), record(target=b"/new"))
    assert PathHour.objects.get(path="/page-x").calls == 2
    assert not PathHour.objects.filter(path="/new").exists()


def test_a_secret_in_a_path_is_in_no_place():
    canary = "sk_live_CANARY0123456789abcdef"
    write(record(target=b"/bot%s/getMe" % canary.encode(), known=(canary,)))
    assert "CANARY" not in PathHour.objects.get().path


def test_the_days_of_an_older_installation_begin_with_its_hours():
    write(record(at=NOON), failed(at=NOON + timedelta(hours=3)), record(at=NOON + timedelta(hours=12), token_id=None))
    days = CallDay.objects.order_by("day").values_list("token_id", "day", "calls", "failed", "limited", "repeated")
    before = list(days)
    CallDay.objects.all().delete()
    migration = import_module("integrations.migrations.0025_usage")
    migration.add_up(None, SimpleNamespace(connection=connections[calls_alias()]))
    assert list(days) == before
    assert len(before) == 2


def test_counts_are_forgotten_each_in_its_time():
    for days in (0, 3, 101, 401):
        at = NOW - timedelta(days=days)
        hour = at.replace(minute=0, second=0, microsecond=0)
        CallMinute.objects.create(connection_id=CONNECTION, client_id=CLIENT, minute=hour)
        CallHour.objects.create(connection_id=CONNECTION, client_id=CLIENT, token_id=uuid7(), hour=hour)
        PathHour.objects.create(connection_id=CONNECTION, client_id=CLIENT, hour=hour)
        CallDay.objects.create(connection_id=CONNECTION, client_id=CLIENT, day=at.date())
    rollups.prune(NOW, keep_calls=timedelta(days=90))
    kept = [kind.objects.count() for kind in (CallMinute, CallHour, PathHour, CallDay)]
    assert kept == [1, 2, 2, 3]


def test_hours_stay_as_long_as_the_calls_they_count():
    hour = (NOW - timedelta(days=150)).replace(minute=0, second=0, microsecond=0)
    CallHour.objects.create(connection_id=CONNECTION, client_id=CLIENT, token_id=TOKEN, hour=hour)
    rollups.prune(NOW, keep_calls=timedelta(days=200))
    assert CallHour.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v3/objects/contacts/151",
        "/crm/v3/objects/contacts/90210151?limit=1",
        "/v1/customers/cus_9s6XKzkNRiz8i3/sources",
        "/v1/pages/3f2504e0-4f89-41d3-9a0c-0305e82c3301/children",
        "/v1/databases/5f7a1c2e5f7a1c2e5f7a1c2e5f7a1c2e/query",
        "/files/abcdefabcdef/2026-11/v3",
        "/a%20b/12345;x=1",
    ],
)
def test_a_place_is_the_path_with_its_ids_folded(path):
    assert place_of("GET", path) == ("GET", path_template(path)[:200])
