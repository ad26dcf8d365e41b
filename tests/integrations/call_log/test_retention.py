"""How long calls are kept, and their heads and bodies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.test.utils import CaptureQueriesContext

from integrations.call_log import retention
from integrations.call_log.keeping import Kept
from integrations.models import Call
from secrets_vault.ids import uuid7
from tests.engines import only_on_postgres
from tests.factories import make_client
from tests.integrations.call_log.search.conftest import full_scans, log

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def call(age_days: float, client_id: UUID | None = None) -> Call:
    at = NOW - timedelta(days=age_days)
    return Call.objects.create(
        pk=uuid7(int(at.timestamp() * 1000)),
        at=at,
        client_id=client_id or uuid4(),
        method="GET",
        path="/x",
        outcome="upstream_error",
        request_head="GET /x",
        response_body="{}",
    )


def test_old_calls_go_and_young_ones_stay():
    old, young = call(91), call(89)
    assert retention.drop_old(Kept(90, {}), now=NOW, sleep=lambda _: None) == 1
    assert not Call.objects.filter(pk=old.pk).exists()
    assert Call.objects.filter(pk=young.pk).exists()


def test_the_bodies_of_a_call_go_sooner_than_the_call():
    old, young = call(8), call(6)
    assert retention.blank_bodies(Kept(7, {}), now=NOW, sleep=lambda _: None) == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.request_head, old.response_body, old.outcome) == ("", "", "upstream_error")
    assert young.response_body == "{}"
    assert retention.blank_bodies(Kept(7, {}), now=NOW, sleep=lambda _: None) == 0


def test_more_rows_than_a_slice_go_in_several(monkeypatch):
    monkeypatch.setattr(retention, "SLICE", 3)
    for _ in range(8):
        call(100)
    pauses: list[float] = []
    assert retention.drop_old(Kept(90, {}), now=NOW, sleep=pauses.append) == 8
    assert len(pauses) == 2


def left() -> set[UUID]:
    return set(Call.objects.values_list("pk", flat=True))


@pytest.mark.parametrize(("own_days", "kept_for"), [(30, 30), (400, 400), (None, 90)])
def test_a_clients_own_days_decide_and_everybody_elses_are_as_before(own_days, kept_for):
    acme, other = make_client("acme", keep_calls_days=own_days).pk, make_client("other").pk
    young = {call(kept_for - 1, acme).pk, call(89, other).pk, call(1, acme).pk}
    call(kept_for + 1, acme), call(91, other), call(500, other), call(500)
    retention.drop_old(Kept.calls(), now=NOW, sleep=lambda _: None)
    assert left() == young


def test_what_failed_calls_said_goes_by_the_clients_days_too():
    acme, other = make_client("acme", keep_bodies_days=0).pk, make_client("other", keep_bodies_days=30).pk
    mine, theirs, everybodys = call(1, acme), call(29, other), call(8, make_client("third").pk)
    retention.blank_bodies(Kept.bodies(), now=NOW, sleep=lambda _: None)
    said = {row.pk: row.response_body for row in Call.objects.all()}
    assert said == {mine.pk: "", theirs.pk: "{}", everybodys.pk: ""}


def test_the_clearing_asks_indexes_only():
    make_client("acme", keep_calls_days=30, keep_bodies_days=1)
    make_client("other", keep_calls_days=400)
    call(1)
    with CaptureQueriesContext(log()) as seen:
        retention.drop_old(Kept.calls(), now=NOW, sleep=lambda _: None)
        retention.blank_bodies(Kept.bodies(), now=NOW, sleep=lambda _: None)
    asked = [
        query["sql"] for query in seen.captured_queries if query["sql"].startswith('SELECT "integrations_call"."id"')
    ]
    assert len(asked) == 4
    assert [full_scans(sql) for sql in asked] == [""] * 4


@only_on_postgres("SQLite has no partitions")
def test_a_partition_goes_when_the_longest_time_is_over():
    make_client("acme", keep_calls_days=100)
    days = [NOW - timedelta(days=age) for age in (150, 95, 80)]
    for day in days:
        retention.ensure_partitions(day)
    dropped = retention.drop_old(Kept.calls(), now=NOW, sleep=lambda _: None)
    names = retention._partitions()
    assert dropped >= 1
    assert days[0].date() not in names
    assert days[1].date() in names
