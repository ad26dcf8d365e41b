"""An outage, with kill -9 of each process during it: everything arrives, in order, nothing twice, within the quota."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.gateway.held.outage import (
    QUOTA,
    SETUP,
    WINDOW_S,
    Caller,
    Killing,
    Provider,
    shell,
    states,
)
from tests.live import LiveKeylodge
from tests.own_postgres import OwnPostgres

pytestmark = pytest.mark.processes
PLAIN = 20
CALLS = int(os.environ.get("KEYLODGE_TEST_OUTAGE_CALLS", "5000"))
AWAY_S = float(os.environ.get("KEYLODGE_TEST_OUTAGE_S", "600"))


@pytest.fixture
def database() -> Iterator[OwnPostgres | None]:
    """Return a PostgreSQL that may be killed, None on SQLite: there the processes are all that there is."""
    if "DATABASE_URL" not in os.environ:
        yield None
        return
    made = OwnPostgres()
    yield made
    made.delete()


def outage(home: Path, database: OwnPostgres | None, *, calls: int, away_s: float) -> dict[str, float]:
    """Let a provider be away while calls come in and processes are killed; return figures."""
    more = {"DATABASE_URL": database.url} if database is not None else {}
    with Provider(is_away=True) as provider:
        live = LiveKeylodge(
            home,
            is_from_nothing=database is not None,
            KEYLODGE_ALLOWED_PRIVATE_HOSTS=provider.host,
            KEYLODGE_WEB_PROCESSES="2",
            **more,
        ).wait_until_started()
        try:
            return _outage(live, provider, database, calls=calls, away_s=away_s)
        finally:
            live.stop()


def _outage(
    live: LiveKeylodge, provider: Provider, database: OwnPostgres | None, *, calls: int, away_s: float
) -> dict[str, float]:
    caller = Caller(live, shell(live, SETUP, json.dumps([provider.host, "sk_live_0123456789abcdef"])))
    killing, began = Killing(live, database), time.monotonic()
    _kept(caller, killing, calls=calls)
    kept_s = time.monotonic() - began
    time.sleep(max(0.0, away_s - kept_s))
    provider.is_away = False
    back = time.monotonic()
    _drained(live, provider, killing, calls=calls)
    killing.settled()
    found = states(live)
    _check(provider, found, calls=calls)
    return {
        "calls": calls,
        "kept_s": kept_s,
        "drained_s": provider.done_at - back,
        "by_quota_s": (calls + PLAIN) / QUOTA * WINDOW_S,
        "first_after_s": provider.first_at - back,
        "over_quota": provider.over_quota,
        "asked_while_away": provider.away_asked,
        "repeated_under_their_key": len(provider.arrived) - len(provider.effects),
        "asked_for_a_decision": found["acme-plain"].get("needs_decision", 0),
        "lost_answers": caller.lost,
        "killed": killing.count,
    }


def _kept(caller: Caller, killing: Killing, *, calls: int) -> None:
    """Make the calls, each until it is kept, while processes are killed."""
    plan = killing.plan("database", "web", "worker", "beat")
    for number in range(calls):
        plan.at(number / calls)
        caller.until_kept("acme-keyed", number)
    for number in range(PLAIN):
        caller.until_kept("acme-plain", number, queue="always")


def _check(provider: Provider, found: dict[str, dict[str, int]], *, calls: int) -> None:
    assert provider.of("/acme-keyed/orders") == [f"{number:06}" for number in range(calls)]
    assert found["acme-keyed"] == {"sent": calls}
    plain = [body for path, body, _key in provider.arrived if path.endswith("/acme-plain/orders")]
    assert plain == sorted(set(plain))
    assert found["acme-plain"].get("sent", 0) + found["acme-plain"].get("needs_decision", 0) == PLAIN


def _drained(live: LiveKeylodge, provider: Provider, killing: Killing, *, calls: int) -> None:
    """Wait until all has arrived, while processes are killed once more."""
    plan = killing.plan("worker", "beat", "web", "database")
    ends = time.monotonic() + 90 + 2 * calls / QUOTA * WINDOW_S
    while time.monotonic() < ends:
        arrived = len(provider.of("/acme-keyed/orders"))
        plan.at(arrived / calls)
        if arrived >= calls:
            killing.settled()
            if not _on_the_way(live):
                return
        time.sleep(0.5)


def _on_the_way(live: LiveKeylodge) -> bool:
    return any(found.get("waiting") or found.get("sending") for found in states(live).values())


def test_a_short_outage_with_every_process_killed_loses_nothing_and_repeats_nothing(tmp_path, database):
    figures = outage(tmp_path, database, calls=30, away_s=4)
    assert figures["killed"] >= (8 if database is None else 10)
    assert figures["repeated_under_their_key"] <= 4


@pytest.mark.soak
def test_ten_minutes_and_five_thousand_calls_arrive_within_a_fifth_more_than_the_quota_allows(tmp_path, database):
    figures = outage(tmp_path, database, calls=CALLS, away_s=AWAY_S)
    print(f"{figures['drained_s'] / figures['by_quota_s']:.2f} times what the quota allows: {figures}")
    assert figures["drained_s"] <= 1.2 * figures["by_quota_s"], figures
