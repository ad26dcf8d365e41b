"""Words are found in the path, cause, code and masked bodies of the calls that did not go through at once."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from integrations.call_log import retention
from integrations.call_log.keeping import Kept
from integrations.call_log.search import Criteria, find, indexing, pages, words
from integrations.models import Call
from tests.integrations.call_log.search.conftest import ACME, NOW, OTHER, call, log, many

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["with the index", "without it"], autouse=True)
def index(request, monkeypatch):
    """Look with the index of words, and as it is where a database has none."""
    if request.param == "without it":
        monkeypatch.setattr(words, "has_index", lambda: False)
        monkeypatch.setattr(pages, "has_index", lambda: False)
    else:
        assert words.has_index()
    return request.param


def found(text, **wanted):
    return {row.pk for row in find(Call.objects.all(), Criteria(text=text, **wanted)).rows}


@pytest.mark.parametrize("column", ["path", "cause", "code", "request_body", "response_body"])
def test_each_place_is_looked_at_in_any_case(column):
    wanted = call(**{column: "Property 'dealstage' is bad"})
    call(**{column: "nothing of it"})
    assert found("DEALSTAGE' is") == {wanted}


@pytest.mark.parametrize("text", ['say "so"', "100%", "a_b", "a\\b", "c* OR d", "NEAR(x)", "path : x", "'; --"])
def test_what_was_typed_is_only_text(text):
    wanted = call(response_body=f"before {text} after")
    call(response_body="before 1000 axb ab cc d so say nearx after")
    assert found(text) == {wanted}


def test_a_whole_request_id_is_found_as_the_call_and_in_a_body():
    one = call()
    told = call(response_body=f'{{"previous": "{one}"}}')
    call()
    assert found(str(one)) == {one, told}
    assert found(str(uuid4())) == set()


def test_only_what_the_other_filters_let_through_is_found():
    call(cause="missing scope", client_id=OTHER)
    wanted = call(cause="missing scope")
    assert found("missing scope", client=ACME) == {wanted}
    assert found("missing scope", client=ACME, method="PUT") == set()


def test_a_call_that_went_through_at_once_is_not_looked_at_and_one_that_recovered_is():
    call(path="/needle", outcome="ok")
    recovered = call(path="/needle", outcome="recovered")
    assert found("needle", outcome="all") == {recovered}


def test_a_rare_word_is_found_beyond_the_last_window(monkeypatch, index):
    monkeypatch.setattr(pages, "ROWS", (2, 3))
    wanted = call(ago=timedelta(hours=1), cause="needle")
    many(9)
    page = find(Call.objects.all(), Criteria(text="needle"))
    assert [row.pk for row in page.rows] == ([wanted] if index == "with the index" else [])
    assert (page.reached is None) == (index == "with the index")
    if page.older:
        assert [row.pk for row in find(Call.objects.all(), Criteria(text="needle"), after=page.older).rows] == [wanted]


def test_what_is_forgotten_is_found_no_more():
    call(ago=timedelta(days=8), response_body="needle", request_head="GET /x")
    call(ago=timedelta(days=100), cause="needle")
    assert len(found("needle")) == 2
    retention.blank_bodies(Kept(7, {}), now=NOW, sleep=lambda _: None)
    assert len(found("needle")) == 1
    retention.drop_old(Kept(90, {}), now=NOW, sleep=lambda _: None)
    assert found("needle") == set()


def test_an_index_that_lost_its_triggers_is_made_whole(index):
    if log().vendor != "sqlite" or index == "without it":
        pytest.skip("PostgreSQL keeps its index itself")
    with log().cursor() as cursor:
        cursor.execute("DROP TRIGGER call_words_insert")  # as Django does, which makes the table anew to change it
    words.has_index.cache_clear()
    missed, gone = call(cause="needle"), call(cause="thread")
    Call.objects.filter(pk=gone).update(cause="")
    assert (found("needle"), words.has_index()) == ({missed}, False)
    assert indexing.make_index(log())
    later = call(cause="needle")
    assert (found("needle"), found("thread")) == ({missed, later}, set())
    Call.objects.all().delete()
    assert found("needle") == set()


def test_a_database_that_gives_no_index_does_not_stop_the_migration(monkeypatch, index):
    monkeypatch.setattr(indexing, "_sqlite", lambda: ["CREATE VIRTUAL TABLE x USING no_such_module(y)"])
    monkeypatch.setattr(indexing, "_postgresql", lambda: ["CREATE EXTENSION no_such_extension"])
    with log().cursor() as cursor:  # as on a machine without it, that was given a log of one that has it
        for statement in ("DROP INDEX IF EXISTS call_words", "DROP TRIGGER IF EXISTS call_words_insert"):
            if statement.startswith("DROP INDEX") == (log().vendor == "postgresql"):
                cursor.execute(statement)
    indexing.after_migrate(using=log().alias)
    wanted = call(cause="needle")
    assert found("needle") == {wanted}
    monkeypatch.undo()
    assert indexing.make_index(log())
    assert found("needle") == {wanted}
