"""What is repeated, and when: one table."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.gateway.retry import Failure, Request, RetryBudget, may_repeat, wait_s
from integrations.limits.units import retry_after_s

pytestmark = pytest.mark.matrix  # no database: one engine is enough

GET, PUT, DELETE = Request("GET"), Request("PUT"), Request("DELETE")
POST, PATCH = Request("POST"), Request("PATCH")
KEYED = Request("POST", has_idempotency_key=True)
GET_500, POST_500 = Request("GET", retries_500=True), Request("POST", retries_500=True)
KEYED_500 = Request("POST", has_idempotency_key=True, retries_500=True)
BEFORE, AFTER = Failure(None, was_sent=False), Failure(None, was_sent=True)

TABLE = [
    # request, failure, is it repeated?
    *[(request, BEFORE, True) for request in (GET, PUT, DELETE, POST, PATCH, KEYED, Request("PROPFIND"))],
    *[(request, AFTER, True) for request in (GET, PUT, DELETE, Request("HEAD"), Request("OPTIONS"), KEYED)],
    *[(request, AFTER, False) for request in (POST, PATCH, Request("PROPFIND"), Request("get"))],
    *[(request, Failure(429), True) for request in (GET, PUT, POST, PATCH, KEYED, Request("PROPFIND"))],
    *[(request, Failure(status), True) for request in (GET, PUT, DELETE, KEYED) for status in (502, 503, 504)],
    *[(request, Failure(status), False) for request in (POST, PATCH) for status in (502, 503, 504)],
    (POST, Failure(503, retry_after_s=0.0), True),
    (POST, Failure(503, retry_after_s=7.0), True),
    (POST, Failure(502, retry_after_s=7.0), False),
    (POST, Failure(504, retry_after_s=7.0), False),
    *[(request, Failure(500), False) for request in (GET, POST, KEYED)],
    (GET_500, Failure(500), True),
    (KEYED_500, Failure(500), True),
    (POST_500, Failure(500), False),
    *[(r, Failure(s, retry_after_s=1.0), False) for r in (GET_500, KEYED) for s in (400, 401, 403, 404, 408, 409)],
    *[(r, Failure(s, retry_after_s=1.0), False) for r in (GET_500, KEYED) for s in (410, 418, 422, 425, 451, 499)],
    *[(GET_500, Failure(status), False) for status in (501, 505, 507, 508, 511, 599)],
    *[(KEYED_500, Failure(s, is_final=True), False) for s in (429, 500, 503, None)],
]


@pytest.mark.parametrize(("request_", "failure", "repeated"), TABLE, ids=repr)
def test_a_call_is_repeated_only_when_that_is_safe_and_can_help(request_, failure, repeated):
    assert may_repeat(request_, failure) is repeated
    waits = wait_s(request_, failure, attempt=1, left_s=30, chance=lambda: 0.5)
    assert (waits is not None) is repeated


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
    assert wait_s(Request("PUT", is_body_kept=False), BEFORE, attempt=1, left_s=30, chance=lambda: 0) is None


def test_nothing_is_repeated_without_time():
    assert wait_s(GET, Failure(503), attempt=1, left_s=0.0, chance=lambda: 0.0) is None


def test_the_wait_never_passes_the_cap():
    assert all(
        wait_s(GET, Failure(503), attempt=attempt, left_s=99, chance=lambda: 1.0) in (0.5, 1.0) for attempt in (1, 2)
    )


def test_ten_repeats_a_minute_are_always_allowed():
    budget = RetryBudget()
    budget.called(0.0)
    assert [budget.allows(1.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert not budget.allows(59.0)
    assert budget.allows(62.0)


def test_a_tenth_of_many_calls_may_be_repeated():
    budget = RetryBudget()
    for _ in range(500):
        budget.called(0.0)
    assert sum(budget.allows(1.0) for _ in range(100)) == 50
    assert not budget.allows(2.0)
    budget.called(61.0)
    assert sum(budget.allows(62.0) for _ in range(100)) == 10


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
