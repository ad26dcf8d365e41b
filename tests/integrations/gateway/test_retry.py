"""What is repeated, and when: one table."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.gateway.retry import TABLE, Failure, Kind, Point, Request, RetryBudget, Verdict, verdict, wait_s
from integrations.limits.units import retry_after_s

pytestmark = pytest.mark.matrix  # no database: one engine is enough

GET, PUT = Request("GET"), Request("PUT")
AGAIN, STANDS, UNCLEAR = Verdict.AGAIN, Verdict.STANDS, Verdict.UNCLEAR

IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE")
OTHER = ("POST", "PATCH", "PROPFIND", "get", "Get", "")

# Every way in which an attempt fails; what follows for a method that is safe to repeat, or whose repeat the provider
# knows by an idempotency key; and what for any other. Written out by hand from decisions.md, not from the code.
POINTS = [
    # failure                                          safe or keyed   once
    (Failure(None, was_sent=False),                    AGAIN,   AGAIN),
    (Failure(None, was_sent=True),                     AGAIN,   UNCLEAR),
    (Failure(None, was_sent=True, is_broken=True),     STANDS,  UNCLEAR),
    (Failure(None, was_sent=False, is_broken=True),    STANDS,  STANDS),
    (Failure(429),                                     AGAIN,   AGAIN),
    (Failure(429, retry_after_s=7.0),                  AGAIN,   AGAIN),
    (Failure(502),                                     AGAIN,   UNCLEAR),
    (Failure(502, retry_after_s=7.0),                  AGAIN,   UNCLEAR),
    (Failure(503),                                     AGAIN,   UNCLEAR),
    (Failure(503, retry_after_s=0.0),                  AGAIN,   AGAIN),
    (Failure(503, retry_after_s=7.0),                  AGAIN,   AGAIN),
    (Failure(504),                                     AGAIN,   UNCLEAR),
    (Failure(504, retry_after_s=7.0),                  AGAIN,   UNCLEAR),
    *[(Failure(status),                                STANDS,  UNCLEAR) for status in (501, 505, 507, 508, 511, 599)],
    *[(Failure(status, retry_after_s=1.0),             STANDS,  STANDS)
      for status in (400, 401, 402, 403, 404, 408, 409, 410, 418, 422, 425, 428, 430, 451, 499)],
    *[(Failure(status, is_final=True),                 STANDS,  STANDS) for status in (429, 500, 503, None)],
    (Failure(None, was_sent=False, is_final=True),     STANDS,  STANDS),
    (Failure(503, retry_after_s=1.0, is_final=True),   STANDS,  STANDS),
]  # fmt: skip
# Only a 500 depends on the provider's facts: where they say nothing it stands.
PROVIDERS = [
    (False, [(Failure(500), STANDS, UNCLEAR), (Failure(500, retry_after_s=1.0), STANDS, UNCLEAR)]),
    (True, [(Failure(500), AGAIN, UNCLEAR), (Failure(500, retry_after_s=1.0), AGAIN, UNCLEAR)]),
]


def table():
    """Yield every line: method × idempotency key × provider × failure point, and what follows."""
    for retries_500, own in PROVIDERS:
        for failure, when_harmless, otherwise in [*POINTS, *own]:
            for method in (*IDEMPOTENT, *OTHER):
                for has_key in (False, True):
                    request = Request(method, has_idempotency_key=has_key, retries_500=retries_500)
                    harmless = method in IDEMPOTENT or has_key
                    yield request, failure, when_harmless if harmless else otherwise


@pytest.mark.parametrize(("failure", "lines"), [
    pytest.param(failure, [line for line in table() if line[1] == failure], id=repr(failure))
    for failure in dict.fromkeys(line[1] for line in table())
])  # fmt: skip
def test_a_call_is_repeated_only_when_that_is_safe_and_can_help(failure, lines):
    wrong = [(request, expected) for request, _, expected in lines if verdict(request, failure) is not expected]
    assert not wrong
    waits = {
        expected: {wait_s(request, failure, attempt=1, left_s=30, chance=lambda: 0.5) is not None}
        for request, _, expected in lines
    }
    assert all(found == {expected is AGAIN} for expected, found in waits.items())


def test_the_table_has_a_line_for_every_point_and_kind():
    assert set(TABLE) == set(Point)
    assert all(set(row) == set(Kind) for row in TABLE.values())


@pytest.mark.parametrize("point", Point)
def test_an_idempotency_key_is_worth_as_much_as_an_idempotent_method(point):
    assert TABLE[point][Kind.KEYED] is TABLE[point][Kind.SAFE]


@pytest.mark.parametrize(
    ("failure", "attempt", "chance", "waits"),
    [
        (Failure(503), 1, 1.0, 0.5),
        (Failure(503), 2, 1.0, 1.0),
        (Failure(503), 1, 0.0, 0.0),
        (Failure(503), 2, 0.25, 0.25),
        (Failure(429, retry_after_s=5.0), 1, 0.0, 5.0),
        (Failure(429, retry_after_s=5.0), 1, 1.0, 5.5),
        (Failure(429, retry_after_s=5.0), 2, 0.0, 5.0),
        (Failure(429, retry_after_s=0.0), 1, 0.0, 1.0),
        (Failure(429, retry_after_s=0.2), 1, 0.0, 1.0),
        (Failure(429, retry_after_s=29.0), 1, 0.0, 29.0),
        (Failure(429, retry_after_s=30.0), 1, 0.0, None),
        (Failure(429, retry_after_s=31.0), 1, 0.0, None),
        (Failure(429, retry_after_s=31_536_000.0), 1, 0.0, None),
        (Failure(503), 3, 0.0, None),
        (Failure(503), 4, 0.0, None),
    ],
)
def test_the_wait_is_jittered_and_retry_after_is_honoured_within_the_time_left(failure, attempt, chance, waits):
    assert wait_s(GET, failure, attempt=attempt, left_s=30, chance=lambda: chance) == waits


def test_a_body_that_was_not_kept_is_sent_once():
    assert (
        wait_s(
            Request("PUT", is_body_kept=False), Failure(None, was_sent=False), attempt=1, left_s=30, chance=lambda: 0
        )
        is None
    )


def test_nothing_is_repeated_without_time():
    assert wait_s(GET, Failure(503), attempt=1, left_s=0.0, chance=lambda: 0.0) is None


def test_the_wait_never_passes_the_cap():
    assert all(
        wait_s(GET, Failure(503), attempt=attempt, left_s=99, chance=lambda: 1.0) in (0.5, 1.0) for attempt in (1, 2)
    )


def budget_of(left):
    """Return a budget whose shared floor has so many repeats left."""

    async def floor():
        nonlocal left
        left -= 1
        return left >= 0

    return RetryBudget(floor)


async def granted(budget, at_s, asked):
    return sum([await budget.allows(at_s) for _ in range(asked)])


def test_the_shared_floor_is_always_allowed():
    async def story():
        budget = budget_of(10)
        budget.called(0.0)
        return await granted(budget, 1.0, 12), await granted(budget, 59.0, 1)

    assert asyncio.run(story()) == (10, 0)


def test_a_tenth_of_many_calls_may_be_repeated_the_floor_counted_in():
    async def story():
        budget = budget_of(10)
        for _ in range(500):
            budget.called(0.0)
        return await granted(budget, 1.0, 100), await granted(budget, 2.0, 1)

    assert asyncio.run(story()) == (50, 0)


def test_what_was_called_a_minute_ago_gives_no_repeats():
    async def story():
        budget = budget_of(0)
        for called, at_s in ((500, 0.0), (20, 61.0)):
            for _ in range(called):
                budget.called(at_s)
        return await granted(budget, 62.0, 100)

    assert asyncio.run(story()) == 2


def test_repeats_that_ask_at_once_do_not_all_see_the_same_count():
    async def story():
        budget, turn = RetryBudget(lambda: slow()), asyncio.Event()

        async def slow():
            await turn.wait()
            return False

        for _ in range(100):
            budget.called(0.0)
        asking = [asyncio.create_task(budget.allows(1.0)) for _ in range(100)]
        await asyncio.sleep(0)
        turn.set()
        return sum(await asyncio.gather(*asking))

    assert asyncio.run(story()) == 10


HEADERS = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)


@given(header=HEADERS, attempt=st.integers(1, 5), left_s=st.floats(0, 400), chance=st.floats(0, 1))
def test_whatever_an_upstream_asks_for_the_wait_stays_between_a_second_and_what_is_left(
    header, attempt, left_s, chance
):
    asked_s = retry_after_s(header, now=datetime(2026, 11, 22, tzinfo=UTC))
    waits = wait_s(GET, Failure(429, retry_after_s=asked_s), attempt=attempt, left_s=left_s, chance=lambda: chance)
    if waits is not None:
        assert attempt < 3
        assert waits < left_s
        assert waits >= (1 if asked_s is not None else 0)
        assert waits >= (asked_s or 0)
