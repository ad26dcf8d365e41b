"""What is kept and as what, and what follows from making a kept call: two tables without a database."""

from __future__ import annotations

import pytest

from integrations.gateway.held.deciding import Stood, Verdict, verdict
from integrations.gateway.held.outcome import Lane, Result, next_of, pause_s
from integrations.gateway.retry import Verdict as Repeat
from integrations.models import HeldCall

pytestmark = pytest.mark.matrix

State = HeldCall.State
AGAIN, STANDS, UNCLEAR = Repeat.AGAIN, Repeat.STANDS, Repeat.UNCLEAR


@pytest.mark.parametrize(
    ("stood", "kept"),
    [
        (Stood("needs_reconnecting"), (State.WAITING, "needs_reconnecting")),
        (Stood("paused"), (State.WAITING, "paused")),
        (Stood("breaker_open"), (State.WAITING, "breaker_open")),
        (Stood("token_limited"), (State.WAITING, "token_limited")),
        (Stood("upstream_unreachable", verdict=AGAIN), (State.WAITING, "upstream_unreachable")),
        (Stood("upstream_unreachable", verdict=UNCLEAR), (State.NEEDS_DECISION, "upstream_unreachable")),
        (Stood("upstream_timeout", verdict=STANDS), (State.WAITING, "upstream_timeout")),
        (Stood("upstream_timeout", verdict=UNCLEAR), (State.NEEDS_DECISION, "upstream_timeout")),
        (Stood(status=429, verdict=AGAIN, is_limit=True), (State.WAITING, "upstream_limited")),
        (Stood(status=403, is_limit=True), (State.WAITING, "upstream_limited")),
        (Stood(status=429, is_limit=True, is_spent=True), (State.NEEDS_DECISION, "spend_limit")),
        (Stood(status=502, verdict=AGAIN), (State.WAITING, "upstream_away")),
        (Stood(status=502, verdict=UNCLEAR), (State.NEEDS_DECISION, "upstream_away")),
        (Stood(status=500, verdict=AGAIN, retries_500=True), (State.WAITING, "upstream_away")),
        (Stood(status=500, verdict=STANDS), None),
        (Stood(status=500, verdict=UNCLEAR), None),
        (Stood(status=404), None),
        (Stood("token_invalid"), None),
        (Stood("host_refused", verdict=STANDS), None),
    ],
)
def test_what_is_kept(stood, kept):
    found = verdict(stood)
    assert (found and (found.state, found.code)) == kept


WAITS = Verdict(State.WAITING, "upstream_away")
ASKS = Verdict(State.NEEDS_DECISION, "upstream_away")


@pytest.mark.parametrize(
    ("result", "state", "lane"),
    [
        (Result(status=200), State.SENT, Lane.ON),
        (Result(status=302), State.SENT, Lane.ON),
        (Result(status=422), State.FAILED, Lane.ON),
        (Result(status=500), State.FAILED, Lane.ON),
        (Result(status=401), State.WAITING, Lane.PAUSE),
        (Result(status=503, verdict=WAITS), State.WAITING, Lane.WAIT),
        (Result(status=502, verdict=ASKS), State.NEEDS_DECISION, Lane.WAIT),
        (Result(status=429, verdict=Verdict(State.NEEDS_DECISION, "spend_limit")), State.NEEDS_DECISION, Lane.PAUSE),
        (Result(code="token_invalid", was_sent=False), State.FAILED, Lane.ON),
        (Result(code="credential_unreadable", was_sent=False), State.WAITING, Lane.PAUSE),
        (Result(code="internal_error", is_known=False), State.NEEDS_DECISION, Lane.WAIT),
        (Result(code="internal_error", is_known=False, was_sent=False), State.WAITING, Lane.WAIT),
    ],
)
def test_what_follows(result, state, lane):
    found = next_of(result, is_repeatable=False)
    assert (found.state, found.lane) == (state, lane)


def test_what_broke_in_the_middle_goes_again_where_twice_is_once():
    assert next_of(Result(is_known=False), is_repeatable=True).state == State.WAITING


def test_a_call_that_must_not_be_made_twice_goes_to_see_less_often():
    def wait(result, failures=0):
        return pause_s(result, failures=failures, chance=lambda: 0.5, is_repeatable=False)

    assert [wait(Result(status=503, verdict=WAITS), n) for n in (0, 3, 9)] == [2.0, 16.0, 60.0]
    assert wait(Result(code="breaker_open", retry_after_s=3.0, was_sent=False)) == pytest.approx(54.0)
    assert wait(Result(status=429, retry_after_s=3.0, verdict=WAITS)) == pytest.approx(3.3)


def test_a_lane_waits_as_it_is_asked_to_else_longer_each_time_and_never_for_ever():
    def wait(result, failures=0, chance=0.5):
        return pause_s(result, failures=failures, chance=lambda: chance)

    assert wait(Result(retry_after_s=30.0)) == 30.5
    assert wait(Result(retry_after_s=10.0**9)) == 86_400.5
    assert [wait(Result(status=503, verdict=WAITS), n) for n in (0, 1, 2, 9, 99)] == [2.0, 4.0, 8.0, 15.0, 15.0]
    assert wait(Result(status=503, verdict=WAITS), 99, chance=1.0) == pytest.approx(18.0)
    assert wait(Result(code="paused", was_sent=False), 9) == 5.0
