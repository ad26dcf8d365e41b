"""A test of a credential counts in the same quotas as callers' calls, and is put off where none is free."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from integrations import connections, ledger
from integrations.gateway.quota import closed, permits
from integrations.gateway.quota.known import Asker
from integrations.gateway.quota.permits import NoPermit
from integrations.gateway.quota.rules import Whose
from integrations.gateway.route import limits_of, whose_of
from integrations.ledger import LedgerUnavailable
from integrations.models import Connection, CustomProvider
from integrations.providers.limit_facts import Limit
from integrations.providers.registry import get_provider
from secrets_vault import generation
from secrets_vault.actor import SYSTEM
from tests.integrations.gateway.conftest import upstream, world  # noqa: F401 - fixtures
from tests.integrations.gateway.quota.test_calls import limited, states_are_rows  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db(transaction=True)
WHOSE = Whose(UUID(int=1), "custom-crm")
BURST = Limit(bucket="burst", limit=5, window_s=10, per="per key")
HOUR = Limit(bucket="hour", limit=9, window_s=3600, per="per key")


class Passing:
    """A time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def take(clock: Passing, *documented: Limit, **options: float) -> float:
    """Take permits and return how long that took."""
    began = clock()
    asker = Asker(WHOSE, UUID(int=2), "GET", b"/me", documented, 0.8)
    permits.take(asker, clock=clock, sleep=clock.sleep, **options)
    return clock() - began


def test_where_no_limit_is_known_nothing_is_waited_for():
    clock = Passing()
    assert [take(clock) for _ in range(9)] == [0.0] * 9


def test_no_more_go_than_the_window_holds_and_the_next_when_it_ends():
    clock = Passing()
    for _ in range(5):
        take(clock, BURST)
    with pytest.raises(NoPermit):
        take(clock, BURST)
    assert clock() - 1_790_000_000.0 <= permits.WAIT_S + 1
    waited = take(clock, BURST, within_s=30)
    assert clock() - 1_790_000_000.0 >= 10
    assert waited <= 11


def test_what_one_quota_refuses_is_given_back_to_the_others():
    clock = Passing()
    for _ in range(5):
        take(clock, HOUR, BURST)
    for _ in range(3):
        with pytest.raises(NoPermit):
            take(clock, HOUR, BURST)
    clock.now_s += 20
    for _ in range(4):  # nine in all: those that were refused count for nothing
        take(clock, HOUR, BURST)
    with pytest.raises(NoPermit):
        take(clock, HOUR)


def test_a_quota_that_the_provider_has_closed_is_not_asked(monkeypatch):
    clock = Passing()
    until = {WHOSE.key("connection"): closed.Closed(clock() + 60, clock())}
    ledger.change(closed.KEY, lambda _: (closed._dump(until), None), lives_s=60)
    with pytest.raises(NoPermit):
        take(clock)
    clock.now_s += 61
    assert take(clock) == 0.0


def test_a_permit_that_comes_later_than_somebody_waits_is_given_back():
    clock = Passing()
    for _ in range(9):
        take(clock, HOUR)
    ends_at = clock() + HOUR.window_s
    clock.now_s = ends_at - 20  # near enough for a permit ahead of its time
    with pytest.raises(NoPermit) as refused:
        take(clock, HOUR)
    assert clock() == ends_at - 20
    assert ends_at <= refused.value.until <= ends_at + HOUR.window_s / 10
    clock.now_s = refused.value.until
    assert [take(clock, HOUR) for _ in range(8)] == [0.0] * 8


def test_who_is_refused_hears_when_a_closed_quota_opens():
    clock = Passing()
    until = {WHOSE.key("connection"): closed.Closed(clock() + 60, clock())}
    ledger.change(closed.KEY, lambda _: (closed._dump(until), None), lives_s=60)
    with pytest.raises(NoPermit) as refused:
        take(clock)
    assert refused.value.until == clock() + 60


def test_a_call_that_goes_in_any_case_is_counted():
    clock = Passing()
    asker = Asker(WHOSE, UUID(int=2), "GET", b"/me", [BURST], 0.8)
    for _ in range(7):  # more than there are: they were made
        permits.count(asker, clock=clock)
    assert clock() == 1_790_000_000.0
    with pytest.raises(NoPermit):
        take(clock, BURST)
    clock.now_s += 12
    assert take(clock, BURST) == 0.0


def test_where_nobody_can_tell_nothing_is_sent(monkeypatch):
    def away(*args: object, **options: object) -> None:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(ledger, "read", away)
    monkeypatch.setattr(ledger, "change", away)
    with pytest.raises(NoPermit) as refused:
        take(Passing(), BURST)
    assert refused.value.until is None
    permits.count(Asker(WHOSE, UUID(int=2), "GET", b"/me", [BURST], 0.8))


def probing_provider(world) -> Connection:  # noqa: F811
    """Give the provider a call that proves a credential."""
    row = CustomProvider.objects.get()
    row.facts = row.facts | {"probe": {"method": "GET", "path": "/me"}}
    row.save()
    generation.count_up()
    return Connection.objects.get()


def callers_get_the_rest(world, *, taken: int) -> None:  # noqa: F811
    """Make five calls where five are allowed and so many were taken: the provider hears of no more than five."""
    header = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-keylodge-max-wait", b"0.2")]

    async def five(gateway):
        return [(await world.ask(gateway, headers=header)).status for _ in range(5)]

    statuses = world.run(five)
    assert set(statuses) <= {200, 429}
    assert len(world.upstream.requests) == taken + statuses.count(200) <= 5


def test_a_probe_takes_from_what_callers_may_use(limited):  # noqa: F811
    world = limited(60)  # noqa: F811
    connection = probing_provider(world)
    assert [connections.probe(connection, actor=SYSTEM).outcome for _ in range(4)] == ["works"] * 4
    callers_get_the_rest(world, taken=4)


def test_a_probe_is_put_off_where_callers_have_used_the_limit_up(limited, monkeypatch):  # noqa: F811
    monkeypatch.setattr(permits, "WAIT_S", 0.0)
    world = limited(3600)  # noqa: F811
    connection = probing_provider(world)
    provider = get_provider(connection.provider_key)
    asker = Asker(whose_of(connection), connection.pk, "GET", b"/things", limits_of(connection, provider), 0.8)
    for _ in range(5):
        permits.take(asker, within_s=60, sleep=lambda _: None)
    now = timezone.now()
    result = connections.probe(connection, actor=SYSTEM, now=now)
    assert (result.outcome, world.upstream.requests) == ("limited", [])
    connection.refresh_from_db()
    assert connection.status == Connection.Status.CONNECTED
    assert connection.probe_due_at <= now + timedelta(minutes=15)
    asked = re.fullmatch(
        r"The limit of Fake is used up until (?:\d+ \w+, )?(\d\d:\d\d), so nothing was sent. Try again then.",
        str(result),
    )
    assert asked is not None, result.sentence
