"""Waiting calls: who sees what, what a person does about them, and what stands in the book afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from dashboard import counting
from dashboard.navigation import PLACES, ShownPlace
from dashboard.pages.waiting.words import why
from integrations.gateway.held import runs, sealing
from integrations.gateway.held.sealing import Request
from integrations.models import HeldCall, HeldLane, HeldRun
from secrets_vault.actor import Actor
from secrets_vault.models import AuditEvent
from tests.factories import make_held_call
from tests.proving import prove

pytestmark = pytest.mark.django_db
State = HeldCall.State
PAGE = "/waiting/"


def browser_of(person):
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(person)
    prove(browser)
    return browser


def text(answer):
    assert answer.status_code in (200, 422), answer.status_code
    return answer.content.decode()


def actions():
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def test_an_empty_list_says_what_will_fill_it(cast):
    HeldCall.objects.all().delete()
    assert "Keep failed calls for me" in text(browser_of(cast.ada).get(PAGE))


def test_a_manager_acts_a_viewer_looks_and_a_stranger_sees_nothing(cast):
    url, send = f"/waiting/{cast.call.pk}/", f"/waiting/{cast.call.pk}/replay/"
    assert "Send now" in text(browser_of(cast.ada).get(url))
    assert "Send now" not in text(browser_of(cast.ben).get(url))
    assert "/things/7" in text(browser_of(cast.ben).get(PAGE))
    assert browser_of(cast.ben).post(send).status_code == 404
    assert browser_of(cast.cora).get(url).status_code == 404
    assert "/things/7" not in text(browser_of(cast.cora).get(PAGE))


def test_a_table_for_other_programs_says_of_each_call_why_it_waits(cast):
    header, line = browser_of(cast.ben).get(PAGE, {"format": "csv"}).getvalue().decode("utf-8-sig").splitlines()
    call = dict(zip(header.split(","), line.split(","), strict=True))
    assert call["id"] == str(cast.call.pk)
    assert call["why"] == why(cast.call)
    assert call["connection"] == "acme-crm"


def test_a_call_is_sent_now_discarded_and_put_back_and_each_is_in_the_book(cast):
    ada, url = browser_of(cast.ada), f"/waiting/{cast.call.pk}/"
    HeldCall.objects.update(state=State.NEEDS_DECISION)
    HeldLane.objects.update(next_at=timezone.now() + timedelta(hours=1))
    ada.post(url + "replay/")
    cast.call.refresh_from_db()
    assert (cast.call.state, cast.call.approved_at is not None) == (State.WAITING, True)
    assert HeldLane.objects.get().next_at is None
    ada.post(url + "discard/", {"reason": " "})
    cast.call.refresh_from_db()
    assert cast.call.state == State.WAITING
    ada.post(url + "discard/", {"reason": "made by hand"})
    cast.call.refresh_from_db()
    assert (cast.call.state, cast.call.reason) == (State.DISCARDED, "made by hand")
    ada.post(url + "put-back/")
    cast.call.refresh_from_db()
    assert cast.call.state == State.NEEDS_DECISION
    assert actions()[-3:] == ["held_call.replayed", "held_call.discarded", "held_call.put_back"]


def test_what_is_being_sent_is_nobodys_to_change(cast):
    HeldCall.objects.update(state=State.SENDING)
    answer = browser_of(cast.ada).post(f"/waiting/{cast.call.pk}/discard/", {"reason": "x"}, follow=True)
    assert "moved on" in text(answer)
    cast.call.refresh_from_db()
    assert cast.call.state == State.SENDING


def test_an_edited_call_is_marked_and_what_came_is_kept(cast):
    ada, url = browser_of(cast.ada), f"/waiting/{cast.call.pk}/edit/"
    looked = text(ada.get(url))
    assert "noted in the audit trail" in looked
    assert ("&quot;n&quot;" in looked, "held_call.opened" in actions()) == (False, False)
    form = text(ada.post(url, {"do": "open"}))
    assert "/things/7" in form
    assert "{&quot;n&quot;: 1}" in form
    sent = {"path": "/things/8?a=b", "headers": "content-type: application/json\nhost: evil", "body": '{"n": 2}'}
    ada.post(url, sent | {"do": "send"})
    call = HeldCall.objects.defer(None).get()
    assert (call.is_edited, call.state) == (True, State.WAITING)
    edited, original = sealing.open_request(call), sealing.open_request(call, original=True)
    assert (edited.rest, edited.query, edited.body) == (b"/things/8", b"a=b", b'{"n": 2}')
    assert edited.headers == [(b"content-type", b"application/json")]
    assert (original.rest, original.body) == (b"/things/7", b'{"n": 1}')
    assert {"held_call.opened", "held_call.edited", "held_call.replayed"} <= set(actions())
    page = text(ada.get(f"/waiting/{cast.call.pk}/"))
    assert "As it came, before it was edited" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [("path", "things"), ("path", "/a/../b"), ("path", "/a b"), ("headers", "no colon"), ("headers", "a b: c")],
)
def test_what_the_gateway_would_refuse_cannot_be_kept(cast, field, value):
    sent = {"path": "/things", "headers": "", "body": "{}"} | {field: value}
    assert browser_of(cast.ada).post(f"/waiting/{cast.call.pk}/edit/", sent).status_code == 422
    assert not HeldCall.objects.get().is_edited


def test_a_call_is_shown_masked(cast):
    secret = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
    request = Request("POST", b"/pay", b"api_key=" + secret.encode(), [(b"x-api-key", secret.encode())], b"", True)
    call = make_held_call(cast.connection, cast.token, request=request)
    assert secret not in text(browser_of(cast.ada).get(f"/waiting/{call.pk}/"))


def test_many_are_sent_at_once_after_a_sentence_that_says_what_it_would_be(cast):
    ada = browser_of(cast.ada)
    more = [make_held_call(cast.connection, cast.token, state=State.FAILED, code="refused") for _ in range(2)]
    chosen = {"chosen": [str(call.pk) for call in (cast.call, *more)]}
    said = text(ada.post("/waiting/settle/", chosen | {"do": "plan"}))
    assert "3 calls, 1 client, about 1 s" in said
    answer = ada.post("/waiting/settle/", chosen | {"do": "replay"})
    run = HeldRun.objects.get()
    assert (answer.url, run.calls) == (f"/waiting/runs/{run.pk}/", 3)
    assert set(HeldCall.objects.values_list("state", flat=True)) == {State.WAITING}
    page = text(ada.get(answer.url))
    assert "0 of 3" in page
    assert "every 2s" in page
    ada.post(f"/waiting/runs/{run.pk}/stop/")
    states = list(HeldCall.objects.order_by("pk").values_list("state", "approved_at"))
    assert states == [(State.WAITING, None), (State.FAILED, None), (State.FAILED, None)]
    assert "Stopped by you." in text(ada.get(answer.url))
    assert browser_of(cast.ben).get(answer.url).status_code == 404


def test_many_are_discarded_after_a_reason_was_asked_for(cast):
    ada = browser_of(cast.ada)
    chosen = {"chosen": [str(cast.call.pk)], "do": "discard"}
    asked = text(ada.post("/waiting/settle/", chosen | {"reason": "  "}))
    assert "Never send these calls?" in asked
    assert str(cast.call.pk) in asked
    cast.call.refresh_from_db()
    assert cast.call.state == State.WAITING
    ada.post("/waiting/settle/", chosen | {"reason": "the shop was closed"})
    cast.call.refresh_from_db()
    assert (cast.call.state, cast.call.reason) == (State.DISCARDED, "the shop was closed")
    assert "Nothing of it can be discarded" in text(ada.post("/waiting/settle/", chosen))


def test_the_first_surprise_stops_the_others_and_pauses_the_lane(cast):
    more = [make_held_call(cast.connection, cast.token, state=State.FAILED) for _ in range(2)]
    run = runs.begin(HeldCall.objects.all(), user=cast.ada, actor=Actor.of(cast.ada), now=timezone.now())
    first = HeldCall.objects.get(pk=cast.call.pk)
    HeldCall.objects.filter(pk=first.pk).update(state=State.FAILED, approved_at=None)
    runs.stop_at(first, why="refused", now=timezone.now())
    run.refresh_from_db()
    assert run.stopped_why == "refused"
    assert set(HeldCall.objects.filter(pk__in=[call.pk for call in more]).values_list("state", flat=True)) == {"failed"}
    assert HeldLane.objects.get().paused_why == "surprise"
    assert "Stopped at the first surprise." in text(browser_of(cast.ada).get(f"/waiting/runs/{run.pk}/"))


def test_nobody_sends_what_they_may_only_look_at(cast):
    ben = browser_of(cast.ben)
    ben.post("/waiting/settle/", {"all": "yes", "do": "replay"})
    ben.post("/waiting/settle/", {"all": "yes", "do": "discard", "reason": "x"})
    cast.call.refresh_from_db()
    assert (cast.call.state, cast.call.approved_at) == (State.WAITING, None)


def test_a_lane_is_paused_and_resumed_by_name(cast):
    ada = browser_of(cast.ada)
    ada.post("/waiting/lanes/acme-crm/pause/")
    assert "By Ada" in text(ada.get(PAGE))
    ada.post("/waiting/lanes/acme-crm/resume/")
    assert HeldLane.objects.get().paused_at is None
    assert actions()[-2:] == ["held_lane.paused", "held_lane.resumed"]
    assert browser_of(cast.ben).post("/waiting/lanes/acme-crm/pause/").status_code == 404


def test_the_list_is_narrowed_by_all_that_it_shows(cast):
    other = make_held_call(cast.connection, cast.token, state=State.DISCARDED, path="/other")
    ada = browser_of(cast.ada)

    def shown(**asked):
        page = text(ada.get(PAGE, asked))
        return {name for name in ("/things/7", "/other") if f"PUT {name}" in page}

    assert shown() == {"/things/7"}
    assert shown(state="all") == {"/things/7", "/other"}
    assert shown(state="discarded") == {"/other"}
    assert shown(q=str(other.pk), state="all") == {"/other"}
    assert shown(q="things PUT") == {"/things/7"}
    assert shown(client="acme", connection="acme-crm", token=str(cast.token.pk)) == {"/things/7"}
    assert shown(token="no-such") == set()


def test_a_long_list_costs_what_a_short_one_does(cast, django_assert_max_num_queries):
    ada = browser_of(cast.ada)
    ada.get(PAGE)
    with django_assert_max_num_queries(30):
        few = ada.get(PAGE)
    for number in range(120):
        make_held_call(cast.connection, cast.token, path=f"/many/{number}")
    with django_assert_max_num_queries(30):
        page = text(ada.get(PAGE))
    assert few.status_code == 200
    assert page.count("data-row>") == 50
    assert "after=" in page


@pytest.mark.parametrize(("language", "words"), [("en", "More than 1 calls"), ("de", "Mehr als 1 Aufrufe")])
def test_more_calls_than_are_counted_are_said_to_be_more(cast, monkeypatch, language, words):
    monkeypatch.setattr(counting, "MOST_COUNTED", 1)
    cast.ada.language = language
    cast.ada.save()
    make_held_call(cast.connection, cast.token)
    page = text(browser_of(cast.ada).get(PAGE))
    assert f"<h2>{words}" in page
    assert ">1+<span" in page


def test_today_says_what_waits_for_a_person(cast):
    HeldCall.objects.update(state=State.NEEDS_DECISION)
    assert "1 call of acme-crm waits for you" in text(browser_of(cast.ada).get("/"))


@pytest.mark.parametrize(("count", "told"), [(0, "0"), (17, "17"), (1_000, "1,000"), (1_001, "1,000+")])
def test_the_rail_counts_to_a_thousand(count, told):
    assert ShownPlace(PLACES[0], "/", count, is_current=False).told == told
