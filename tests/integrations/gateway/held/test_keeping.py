"""A call that fails is kept before its caller is told so, and made later as it came."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations import outages, tokens
from integrations.models import Connection, HeldCall, HeldLane, Outage
from secrets_vault.actor import SYSTEM
from tests.integrations.gateway.held.conftest import AWAY, OK, back, headers, hold, replay

pytestmark = pytest.mark.django_db(transaction=True)
State = HeldCall.State
NOW = datetime.now(UTC)


def test_a_kept_call_is_answered_202_and_made_later_as_it_came(away):
    answer, row = hold(away, "/things/7", query=b"a=%2F1", body=b'{"n": 1}', more=[(b"x-trace", b"17")])
    assert answer.header("location") == f"/gateway/_waiting/{row.pk}"
    assert answer.header("x-keylodge-queued") == "waiting"
    assert str(row.pk) == answer.header("x-keylodge-request-id")
    assert (row.state, row.code, row.status, row.method) == (State.WAITING, "upstream_away", 503, "PUT")
    first = away.upstream.requests[0]
    back(away)
    replay()
    assert away.upstream.requests == [first]
    row.refresh_from_db()
    assert (row.state, row.status, row.attempts) == (State.SENT, 200, 1)


def test_without_a_wish_a_failure_is_what_it_is(away):
    assert away.call(method="PUT", body=b"x").status == 503
    assert away.call(headers=[(b"x-keylodge-token", away.text.encode()), (b"x-keylodge-queue", b"never")]).status == 503
    assert HeldCall.objects.count() == 0


def test_the_switch_of_a_token_keeps_its_calls_and_a_header_overrides_it(away):
    tokens.change(away.token, actor=SYSTEM, keep_failed=True)
    assert away.call(method="PUT", body=b"x").status == 202
    never = [(b"x-keylodge-token", away.text.encode()), (b"x-keylodge-queue", b"never")]
    assert away.call(method="PUT", body=b"x", headers=never).status == 503
    assert HeldCall.objects.count() == 1


def test_always_sends_nothing_now(world):
    always = [(b"x-keylodge-token", world.text.encode()), (b"x-keylodge-queue", b"always")]
    answer = world.call(method="POST", body=b"later", headers=always)
    assert answer.status == 202
    assert world.upstream.requests == []
    replay()
    assert [request.endswith(b"later") for request in world.upstream.requests] == [True]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_what_would_fail_the_same_tomorrow_is_not_kept(world, status):
    world.upstream.answers = [b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nno" % status]
    answer = world.call(method="PUT", body=b"x", headers=headers(world))
    assert (answer.status, answer.body) == (status, b"no")
    assert HeldCall.objects.count() == 0


def test_what_may_have_taken_effect_asks_for_a_decision_and_is_never_sent_by_itself(world):
    world.upstream.answers = [AWAY]
    _, row = hold(world, method="POST")
    assert (row.state, row.code) == (State.NEEDS_DECISION, "upstream_away")
    back(world)
    replay()
    assert world.upstream.requests == []


def test_a_connection_that_is_paused_or_dead_keeps_calls_until_it_is_well_again(world):
    Connection.objects.update(status="needs_reconnecting")
    _, row = hold(world, method="POST")
    assert (row.state, row.code) == (State.WAITING, "needs_reconnecting")
    replay()
    assert world.upstream.requests == []
    Connection.objects.update(status="connected")
    replay()
    assert len(world.upstream.requests) == 1


def test_a_call_that_is_not_allowed_is_never_kept(away):
    tokens.change(away.token, actor=SYSTEM, methods=["GET"])
    Connection.objects.update(status="paused")
    assert away.call(method="PUT", body=b"x", headers=headers(away)).status == 403
    assert HeldCall.objects.count() == 0


def test_a_revoked_token_sends_nothing_any_more_and_the_call_says_so(away):
    _, row = hold(away)
    tokens.revoke(away.token, actor=SYSTEM, now=datetime.now(UTC))
    back(away)
    replay()
    row.refresh_from_db()
    assert (row.state, row.code) == (State.FAILED, "token_invalid")
    assert away.upstream.requests == []


def test_what_the_token_may_is_asked_again_when_the_call_is_made(away):
    _, row = hold(away)
    tokens.change(away.token, actor=SYSTEM, paths=["/other"])
    back(away)
    replay()
    row.refresh_from_db()
    assert (row.state, row.code) == (State.FAILED, "not_allowed")
    assert away.upstream.requests == []


def test_a_large_body_is_kept_and_a_larger_one_says_why_not(away):
    body = b"x" * 400_000
    hold(away, body=body)
    back(away)
    replay()
    assert away.upstream.requests[0].endswith(body)
    away.upstream.answers = [AWAY]
    answer = away.call(method="PUT", body=b"x" * (5 * 1024 * 1024 + 1), headers=headers(away))
    assert answer.status == 503
    assert answer.header("x-keylodge-queued") == "no; why=body-too-large"


def test_a_full_queue_says_so_and_sends_nothing_on_a_call_that_asks_for_it(away, monkeypatch):
    monkeypatch.setattr("integrations.gateway.held.storing.MOST_CALLS", 1)
    hold(away)
    answer = away.call(method="PUT", body=b"x", headers=headers(away))
    assert (answer.status, answer.header("x-keylodge-queued")) == (503, "no; why=queue-full")
    always = [(b"x-keylodge-token", away.text.encode()), (b"x-keylodge-queue", b"always")]
    answer = away.call(method="PUT", body=b"x", headers=always)
    assert (answer.status, json.loads(answer.body)["code"]) == (507, "queue_full")


def test_one_key_is_one_call(away):
    key = (b"x-keylodge-idempotency-key", b"order 17")
    first, _ = hold(away, more=[key])
    back(away)
    again = away.call(method="PUT", body=b"{}", headers=headers(away, key))
    assert (again.status, again.header("location")) == (202, first.header("location"))
    assert away.upstream.requests == []
    other = away.call(method="PUT", body=b"{'other'}", headers=headers(away, key))
    assert (other.status, json.loads(other.body)["code"]) == (409, "key_reused")
    assert HeldCall.objects.count() == 1


def test_one_key_at_the_same_moment_is_one_call(world):
    more = [(b"x-keylodge-token", world.text.encode()), (b"x-keylodge-queue", b"always")]
    key = (b"x-keylodge-idempotency-key", b"order 17")

    async def story(gateway):
        calls = [world.ask(gateway, method="PUT", body=b"{}", headers=[*more, key]) for _ in range(20)]
        return await asyncio.gather(*calls)

    answers = world.run(story)
    assert {(answer.status, answer.header("location")) for answer in answers} == {
        (202, f"/gateway/_waiting/{HeldCall.objects.get().pk}")
    }


def test_the_calls_of_a_connection_go_in_their_order(away):
    for number in range(5):
        hold(away, body=b"%d" % number)
    back(away)
    replay()
    assert [request[-1:] for request in away.upstream.requests] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_call_that_fails_again_keeps_its_place_and_holds_up_those_behind(away):
    for number in range(3):
        hold(away, body=b"%d" % number)
    back(away, OK, b"HTTP/1.1 503 X\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")
    replay()
    states = list(HeldCall.objects.order_by("id").values_list("state", flat=True))
    assert states == [State.SENT, State.WAITING, State.WAITING]
    back(away)
    replay()
    assert [request[-1:] for request in away.upstream.requests] == [b"1", b"2"]


@pytest.mark.parametrize(("code", "goes"), [("breaker_open", True), ("upstream_away", True), ("paused", False)])
def test_the_end_of_an_outage_lets_the_calls_go_that_waited_for_it(away, code, goes):
    _, row = hold(away)
    outages.opened(away.upstream.url, connection_id=None, reason="timeout", now=NOW, chance=lambda: 0.0)
    HeldLane.objects.update(next_at=NOW + timedelta(seconds=60), waits_for=code)
    assert outages.closed(Outage.objects.get().pk, now=NOW)
    assert (HeldLane.objects.get(pk=row.connection_id).next_at is None) == goes


def test_the_end_of_an_outage_leaves_those_alone_who_wait_for_another(away):
    _, row = hold(away)
    outages.opened("https://api.example", connection_id=None, reason="timeout", now=NOW, chance=lambda: 0.0)
    HeldLane.objects.update(next_at=NOW + timedelta(seconds=60), waits_for="upstream_away")
    assert outages.closed(Outage.objects.get().pk, now=NOW)
    assert HeldLane.objects.get(pk=row.connection_id).next_at is not None


def test_a_refused_call_waits_for_a_person_and_the_next_one_goes(away):
    for number in range(2):
        hold(away, body=b"%d" % number)
    back(away, b"HTTP/1.1 422 X\r\nContent-Length: 3\r\n\r\nbad", OK)
    replay()
    states = list(HeldCall.objects.order_by("id").values_list("state", "status"))
    assert states == [(State.FAILED, 422), (State.SENT, 200)]


def test_a_refused_credential_stops_the_lane_instead_of_every_call(away):
    for number in range(2):
        hold(away, body=b"%d" % number)
    back(away, b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n")
    replay()
    assert set(HeldCall.objects.values_list("state", "code")) == {
        (State.WAITING, "credential_refused"),
        (State.WAITING, "upstream_away"),
    }
    assert len(away.upstream.requests) == 1


def test_the_fate_of_a_call_is_read_with_its_own_token_and_no_other(away):
    _, row = hold(away)

    def ask(text, method="GET", path=f"/{row.pk}"):
        return away.call(path, slug="_waiting", method=method, headers=[(b"x-keylodge-token", text.encode())])

    told = json.loads(ask(away.text).body)
    assert (told["state"], told["why"], told["answer_url"]) == ("waiting", "upstream_away", None)
    _, other = tokens.make(away.client, "other", [away.connection], actor=SYSTEM)
    assert ask(other.expose()).status == 404
    assert ask(away.text, path="/nothing").status == 404
    assert ask(away.text, method="POST").status == 405
    back(away)
    replay()
    told = json.loads(ask(away.text).body)
    assert (told["state"], told["status"]) == ("sent", 200)
    answer = away.call(told["answer_url"].removeprefix("/gateway/_waiting"), slug="_waiting")
    assert (answer.status, answer.body, answer.header("content-type")) == (200, b"ok", "text/plain")
    assert ask(away.text, method="DELETE").status == 409


def test_a_caller_takes_its_call_back(away):
    _, row = hold(away)
    gone = away.call(f"/{row.pk}", slug="_waiting", method="DELETE")
    assert json.loads(gone.body)["state"] == "discarded"
    back(away)
    replay()
    assert away.upstream.requests == []
