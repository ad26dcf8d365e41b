"""One quota between processes: whatever they do, no window of the upstream's holds more than the limit."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.gateway.quota import window
from integrations.gateway.quota.window import Lease, Permit, Question, Quota, State, Told

NOW = 1_790_000_000.0
BURST = Quota(190, 10)
DAY = Quota(1_000, 86_400)

pytestmark = pytest.mark.matrix


def asked(state: State, quota: Quota = BURST, *, now: float = NOW, waiting: int = 1, **more: object) -> Lease:
    told = {"taker": "a", "most": waiting, "waiting": waiting, "tokens": 1, "late_s": 0.25} | more
    return window.ask(state, quota, Question(**told), now=now)  # type: ignore[arg-type]


def full(quota: Quota = BURST) -> State:
    """Return the state after as many calls as the quota lets through."""
    state = State()
    state.counts[window.slot_of(quota, NOW)] = quota.limit
    return state


def most_in_a_window(arrivals: list[float], window_s: float) -> int:
    """Return how many calls the fullest window of an upstream held that counts what arrived since `window_s` ago."""
    arrivals.sort()
    most = first = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


steps = st.lists(
    st.tuples(
        st.integers(0, 3),  # which process
        st.floats(0, 0.4),  # how much time passes first
        st.integers(1, 40),  # how many calls wait there
        st.floats(0, 1),  # how late its permits are used
        st.floats(0, 1),  # how long the calls take to arrive
        st.booleans(),  # whether their answers are in before it asks again
        st.booleans(),  # whether it uses them at all
    ),
    min_size=30,
    max_size=150,
)


@settings(max_examples=120, deadline=None)
@given(steps=steps, limit=st.integers(1, 60), window_s=st.sampled_from([1.0, 2.0, 3.7]), line=st.floats(0, 1))
def test_no_window_of_the_upstream_ever_holds_more_than_the_limit(steps, limit, window_s, line):
    quota, state, now = Quota(limit, window_s, line), State(), NOW
    arrivals: list[float] = []
    moved: dict[int, dict[int, int]] = {}
    for process, passes_s, waiting, late, travels, is_answered, is_used in steps:
        now += passes_s
        question = Question(f"p{process}", waiting, waiting, 1 + waiting // 3, 0.25, moved.pop(process, {}))
        state = State.load(state.dump())
        for permit in window.ask(state, quota, question, now=now).permits:
            corrections = moved.setdefault(process, {})
            if not is_used:
                corrections[permit.slot] = corrections.get(permit.slot, 0) - 1
                continue
            arrival = permit.at + late * (permit.until - permit.at) + travels * 0.25
            arrivals.append(arrival)
            answered_by = window.slot_of(quota, arrival)
            if is_answered and answered_by < permit.slot and arrival <= now + 0.05:
                corrections[permit.slot] = corrections.get(permit.slot, 0) - 1
                corrections[answered_by] = corrections.get(answered_by, 0) + 1
    assert most_in_a_window(arrivals, window_s) <= limit


def test_below_the_line_nothing_waits():
    state = State()
    permits = [permit for _ in range(17) for permit in asked(state, waiting=9).permits]
    assert len(permits) == 152  # 80 % of 190
    assert {permit.at for permit in permits} == {NOW}


def test_above_the_line_calls_are_spaced():
    state = State()
    state.counts[window.slot_of(BURST, NOW)] = 152
    times = [permit.at for permit in asked(state, waiting=50).permits]
    assert len(times) == 9  # not more than a twentieth of the window ahead
    gaps = [later - earlier for earlier, later in zip(times[-4:], times[-3:], strict=False)]
    assert gaps == pytest.approx([10 * window.STRETCH / 190] * 3, rel=1e-5)


def test_a_line_of_a_hundred_percent_spaces_only_what_waits_for_a_full_window():
    assert len(asked(State(), Quota(10, 10, 1.0), waiting=10, most=10).permits) == 1  # a block is never less than one
    assert asked(full()).permits == ()


def test_a_full_window_says_when_the_next_call_may_go():
    lease = asked(full())
    assert lease.permits == ()
    assert lease.next_at == pytest.approx(NOW + 10, abs=2 * BURST.slot_s)
    assert lease.ask_at <= NOW + 1


def test_calls_stay_spaced_while_others_wait():
    state = full()
    asked(state, waiting=100, tokens=1)
    later = NOW + 10 + BURST.slot_s
    for beat in range(20):
        asked(state, now=NOW + beat / 2, waiting=100)
    assert len(asked(state, now=later, waiting=100).permits) <= BURST.block
    assert state.is_paced


def test_once_nobody_waits_the_window_is_free_again():
    state = full()
    asked(state, waiting=100)
    assert len(asked(state, now=NOW + 30, waiting=5).permits) == 5
    assert not state.is_paced


def shares(first: int, second: int) -> Iterator[Lease]:
    state = State()
    state.counts[window.slot_of(BURST, NOW)] = 152
    for _ in range(2):
        yield asked(state, taker="a", tokens=first, waiting=4 * first)
        yield asked(state, taker="b", tokens=second, waiting=4 * second)


def test_a_process_gets_the_rate_of_its_tokens():
    *_, few, many = shares(10, 30)
    assert few.each_s == pytest.approx(3 * many.each_s)


def test_what_others_use_beside_us_counts():
    state = State()
    lease = asked(state, told=Told(10, NOW))
    assert lease.used >= 180


def test_what_we_used_ourselves_is_not_counted_twice():
    state = State()
    for _ in range(5):
        asked(state, waiting=9)
    used = window.used_at(state, BURST, NOW)
    asked(state, now=NOW + 0.2, waiting=1, told=Told(190 - used + 3, NOW))
    assert window.used_at(state, BURST, NOW) == used + 1


def test_what_an_old_answer_says_of_a_window_that_is_over_counts_for_nothing():
    state = full()
    asked(state, now=NOW + 20)
    asked(state, now=NOW + 20, told=Told(0, NOW))
    assert window.used_at(state, BURST, NOW + 20) <= 2


def test_in_a_long_window_the_provider_is_right():
    state = full(DAY)
    reset = NOW + 36_000
    lease = asked(state, DAY, told=Told(999, NOW, reset))
    assert len(lease.permits) == 1
    assert asked(state, DAY, told=Told(0, NOW + 1, reset), now=NOW + 1).next_at == pytest.approx(reset, abs=1_000)


def test_above_the_line_the_rest_of_a_day_lasts_until_its_reset():
    state = State()
    lease = asked(state, DAY, waiting=3, told=Told(100, NOW, NOW + 36_000))
    assert lease.each_s == pytest.approx(360, rel=0.02)


def test_a_day_whose_reset_nobody_tells_is_used_to_its_end():
    state = State()
    assert len(asked(state, DAY, waiting=3, told=Told(100, NOW)).permits) == 3


def test_what_a_clock_set_ahead_has_noted_blocks_nothing_once_it_is_right():
    state, ahead = State(), NOW + 86_400
    for _ in range(40):
        asked(state, now=ahead, waiting=9)
    assert len(asked(state, now=NOW, waiting=5).permits) == 5


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"c":[[1]],"t":{},"p":0,"a":0,"r":0}', b"null"])
def test_a_state_that_cannot_be_read_is_an_empty_one(raw):
    assert State.load(raw) == State()


def test_a_state_is_read_as_it_was_written():
    state, dice = State(), random.Random(1)
    for number in range(30):
        asked(state, taker=f"p{dice.randrange(3)}", now=NOW + number / 3, waiting=dice.randrange(1, 30))
    assert State.load(state.dump()).counts == state.counts
    assert State.load(state.dump()).takers.keys() == state.takers.keys()


def test_a_permit_counts_at_least_until_its_call_may_have_arrived():
    permit: Permit = asked(State()).permits[0]
    assert permit.slot * BURST.slot_s >= permit.until + 0.25
