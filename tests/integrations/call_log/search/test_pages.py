"""Calls are found by any mix of filters, in pages both ways, and never by reading the whole log."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.test.utils import CaptureQueriesContext

from integrations.call_log.search import Criteria, count, counted, find, pages
from integrations.models import Call
from secrets_vault.ids import uuid7
from tests.integrations.call_log.search.conftest import ACME, NOW, OTHER, call, full_scans, log, many

pytestmark = pytest.mark.django_db

CONNECTION, TOKEN, GROUP, PLACE = uuid4(), uuid4(), uuid4(), uuid4()
HOUR = timedelta(hours=1)
FILTERS = {
    "client": ({"client_id": OTHER}, {"client": OTHER}),
    "environment": ({"environment_id": PLACE}, {"environments": [PLACE]}),
    "provider": ({"provider_key": "stripe"}, {"provider": "stripe"}),
    "connection": ({"connection_id": CONNECTION}, {"connection": CONNECTION}),
    "token": ({"token_id": TOKEN}, {"token": TOKEN}),
    "group": ({"group_id": GROUP}, {"group": GROUP}),
    "status": ({"status": 418}, {"status": "418"}),
    "class": ({"status": 502}, {"status": "5xx"}),
    "silence": ({"status": None}, {"status": "none"}),
    "outcome": ({"outcome": "limited"}, {"outcome": "limited"}),
    "ok": ({"outcome": "ok"}, {"outcome": "ok"}),
    "method": ({"method": "DELETE"}, {"method": "DELETE"}),
    "path": ({"path": "/crm/Contacts/1"}, {"path": "contacts"}),
    "signer": ({"jwt_subject": "repo:acme"}, {"signer": "REPO:"}),
    "text": ({"cause": "The token lacks a scope."}, {"text": "lacks a"}),
    "since": ({"ago": -HOUR}, {"start": NOW + timedelta(minutes=1)}),
    "until": ({"ago": HOUR}, {"end": NOW - timedelta(minutes=50)}),
}


def found(**wanted):
    return [row.pk for row in find(Call.objects.all(), Criteria(**wanted)).rows]


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_keeps_what_it_says(name):
    written, asked = FILTERS[name]
    other, wanted = call(), call(**written)
    assert found(**asked) == [wanted]
    assert {other, wanted} >= set(found(outcome="all"))


@pytest.mark.parametrize("outcome", ["", "all"])
def test_all_filters_hold_together(outcome):
    plain = ("client", "environment", "provider", "connection", "token", "status", "method", "path", "signer")
    written = {name: value for key in plain for name, value in FILTERS[key][0].items()}
    asked = {name: value for key in plain for name, value in FILTERS[key][1].items()} | {"outcome": outcome}
    wanted = call(**written)
    for key in plain:  # each of the others differs in one thing
        name = next(iter(FILTERS[key][0]))
        call(**{**written, name: {"client_id": ACME, "status": 400}.get(name, uuid4() if "_id" in name else "n")})
    assert found(**asked) == [wanted]


def test_a_request_id_is_found_at_any_age_whatever_else_is_asked():
    old = call(ago=timedelta(days=80), outcome="ok")
    assert found(id=old, start=NOW - HOUR, method="PUT") == [old]


def test_what_the_provider_calls_a_call_finds_it_as_our_own_id_does():
    ref = str(uuid4())
    old = call(ago=timedelta(days=80), outcome="ok", upstream_ref=ref)
    call(upstream_ref=ref.upper())
    call()
    assert found(id=UUID(ref), ref=ref, start=NOW - HOUR, method="PUT") == [old]
    both = call(ago=timedelta(days=90), pk=UUID(ref))
    assert set(found(id=UUID(ref), ref=ref)) == {old, both}
    assert found(ref="req_nobody") == []
    assert count(Call.objects.all(), Criteria(id=UUID(ref), ref=ref), most=9) == (2, True)


def test_calls_that_are_named_are_counted_of_any_age(monkeypatch):
    monkeypatch.setattr(pages, "COUNTED_AMONG", 3)
    for n in range(5):
        call(ago=timedelta(days=80, seconds=n), upstream_ref="trace-1")
    many(4)
    assert count(Call.objects.all(), Criteria(ref="trace-1"), most=9) == (5, True)
    assert count(Call.objects.all(), Criteria(ref="trace-1"), most=4) == (4, False)


def test_an_id_that_many_calls_carry_is_read_in_pages():
    ids = many(7, upstream_ref="trace-1", outcome="ok")
    many(3, upstream_ref="trace-2")
    rows, wanted = Call.objects.all(), Criteria(ref="trace-1")
    first = find(rows, wanted, size=3)
    second = find(rows, wanted, after=first.older, size=3)
    third = find(rows, wanted, after=second.older, size=3)
    assert [row.pk for page in (first, second, third) for row in page.rows] == ids
    assert (third.older, first.reached) == (None, None)
    assert [row.pk for row in find(rows, wanted, before=third.newer, size=3).rows] == ids[3:6]


@pytest.mark.parametrize("outcome", ["", "all"])
def test_pages_lead_on_and_back_again(outcome):
    ids, wanted, rows = many(12), Criteria(outcome=outcome), Call.objects.all()
    first = find(rows, wanted, size=5)
    second = find(rows, wanted, after=first.older, size=5)
    third = find(rows, wanted, after=second.older, size=5)
    assert [row.pk for page in (first, second, third) for row in page.rows] == ids
    assert (first.is_first, first.newer, third.older) == (True, None, None)
    back = find(rows, wanted, before=third.newer, size=5)
    assert [row.pk for row in back.rows] == ids[5:10]
    assert not back.is_first
    front = find(rows, wanted, before=back.newer, size=5)
    assert ([row.pk for row in front.rows], front.is_first, front.newer) == (ids[:5], True, None)
    assert front.older == ids[4]


@pytest.mark.parametrize("wanted", [{"outcome": "all", "method": "PUT"}, {"signer": "nobody"}, {"path": "/rare"}])
def test_a_rare_call_is_looked_for_in_steps_and_each_says_how_far_it_got(monkeypatch, wanted):
    monkeypatch.setattr(pages, "ROWS", (2, 3))
    monkeypatch.setattr(pages, "has_index", lambda: False)
    many(8)
    last = call(ago=HOUR, method="PUT", jwt_subject="nobody", path="/rare")
    rows, criteria = Call.objects.all(), Criteria(**wanted)
    page = find(rows, criteria)
    assert (page.rows, page.older == page.reached, page.reached is None) == ([], True, False)
    page = find(rows, criteria, after=page.older)
    assert [row.pk for row in page.rows] == [last]
    assert page.reached is None


def test_looking_takes_a_number_of_queries_that_does_not_grow(django_assert_max_num_queries):
    many(300)
    with django_assert_max_num_queries(8, connection=log()):
        find(Call.objects.all(), Criteria(outcome="all", method="PUT"))


def test_a_count_stops_at_its_most_and_says_so():
    many(7)
    rows = Call.objects.all()
    assert count(rows, Criteria(), most=5) == (5, False)
    assert count(rows, Criteria(), most=50) == (7, True)
    assert count(rows, Criteria(outcome="all", method="PUT"), most=50) == (0, True)


def test_a_first_page_that_shows_all_it_looked_at_is_counted_without_a_query(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(pages, "ROWS", (2, 3))
    many(8)
    call(method="PUT")
    rows = Call.objects.all()
    for wanted, told in (
        (Criteria(outcome="all", method="PUT"), (1, False)),  # and perhaps more, further back
        (Criteria(outcome="all", method="PUT", start=NOW - timedelta(seconds=2.5)), (1, True)),
        (Criteria(client=uuid4()), (0, True)),
    ):
        found = find(rows, wanted)
        with django_assert_num_queries(0, connection=log()):
            assert counted(found, rows, wanted, most=9) == told
    full = find(rows, Criteria(outcome="all"), size=2)
    assert counted(full, rows, Criteria(outcome="all"), most=9) == (9, False)


EVERY_MIX = [
    *({**asked, "outcome": outcome} for name, (_row, asked) in FILTERS.items() for outcome in ("", "all")),
    {"client": ACME, "status": "404", "method": "DELETE", "start": NOW - HOUR},
    {"environments": [PLACE], "provider": "stripe", "path": "crm", "signer": "repo"},
    {"client": ACME, "connection": CONNECTION, "token": TOKEN, "text": "scope", "status": "4xx", "method": "GET"},
    {"ref": "req_1"},
    {"ref": "req_1", "id": uuid4(), "client": ACME},
]


def test_no_mix_of_filters_reads_the_whole_log():
    old = many(30)[-1]
    with CaptureQueriesContext(log()) as seen:
        for wanted in EVERY_MIX:
            criteria = Criteria(**{"start": NOW - timedelta(days=30), **wanted})
            find(Call.objects.all(), criteria, after=uuid7())
            find(Call.objects.all(), criteria, before=old)
            count(Call.objects.all(), criteria, most=1_001)
    assert len(seen) > 200
    for query in seen.captured_queries:
        if query["sql"].startswith("SELECT") and "integrations_call" in query["sql"]:
            assert full_scans(query["sql"]) == "", query["sql"]
