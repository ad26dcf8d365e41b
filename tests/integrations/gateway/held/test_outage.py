"""An outage, with kill -9 of each process during it: everything arrives, in order, nothing twice, within the quota."""

from __future__ import annotations

import json
import time

import pytest

from tests.integrations.gateway.held.outage import QUOTA, SETUP, WINDOW_S, Caller, Provider, kill, shell, states
from tests.live import LiveKeylodge

pytestmark = pytest.mark.processes
PLAIN = 20


def outage(tmp_path, *, calls: int, away_s: float) -> dict[str, float]:
    """Let a provider be away while calls come in and processes are killed; return figures."""
    with Provider(is_away=True) as provider:
        live = LiveKeylodge(
            tmp_path, KEYLODGE_ALLOWED_PRIVATE_HOSTS=provider.host, KEYLODGE_WEB_PROCESSES="2"
        ).wait_until_started()
        try:
            return _outage(live, provider, calls=calls, away_s=away_s)
        finally:
            live.stop()


def _outage(live: LiveKeylodge, provider: Provider, *, calls: int, away_s: float) -> dict[str, float]:
    caller = Caller(live, shell(live, SETUP, json.dumps([provider.host, "sk_live_0123456789abcdef"])))
    began = time.monotonic()
    kills = 0
    for number in range(calls):
        if number == calls // 2:
            kills += kill(live, "web")
        if number == calls * 3 // 4:
            kills += kill(live, "worker")
        assert caller.call("acme-keyed", number) == 202
    for number in range(PLAIN):
        assert caller.call("acme-plain", number, queue="always") == 202
    kept_s = time.monotonic() - began
    time.sleep(max(0.0, away_s - kept_s))
    provider.is_away = False
    back = time.monotonic()
    _drained(live, provider, calls=calls, kill_at=calls // 3)
    found = states(live)
    assert provider.of("/acme-keyed/orders") == [f"{number:06}" for number in range(calls)]
    assert found["acme-keyed"] == {"sent": calls}
    plain = [body for path, body, _key in provider.arrived if path.endswith("/acme-plain/orders")]
    assert sorted(set(plain)) == sorted(plain)
    assert found["acme-plain"].get("sent", 0) + found["acme-plain"].get("needs_decision", 0) == PLAIN
    repeated = len(provider.arrived) - len(provider.effects)
    return {
        "calls": calls,
        "kept_s": kept_s,
        "drained_s": provider.done_at - back,
        "by_quota_s": (calls + PLAIN) / QUOTA * WINDOW_S,
        "over_quota": provider.over_quota,
        "asked_while_away": provider.away_asked,
        "repeated_under_their_key": repeated,
        "lost_answers": caller.lost,
        "killed": kills + 1,
    }


def _drained(live: LiveKeylodge, provider: Provider, *, calls: int, kill_at: int) -> None:
    """Wait until all has arrived; kill the worker once on the way, and beat with it."""
    ends = time.monotonic() + 90 + 2 * calls / QUOTA * WINDOW_S
    has_killed = False
    while time.monotonic() < ends:
        if not has_killed and len(provider.effects) >= kill_at:
            has_killed = kill(live, "worker") > 0
            kill(live, "beat")
        if len(provider.of("/acme-keyed/orders")) >= calls and not _on_the_way(live):
            return
        time.sleep(1.0)


def _on_the_way(live: LiveKeylodge) -> bool:
    return any(found.get("waiting") or found.get("sending") for found in states(live).values())


def test_a_short_outage_with_every_process_killed_loses_nothing_and_repeats_nothing(tmp_path):
    figures = outage(tmp_path, calls=30, away_s=4)
    assert figures["killed"] >= 4
    assert figures["repeated_under_their_key"] <= 2


@pytest.mark.soak
def test_ten_minutes_and_five_thousand_calls_arrive_within_a_fifth_more_than_the_quota_allows(tmp_path):
    figures = outage(tmp_path, calls=5_000, away_s=600)
    assert figures["drained_s"] <= 1.2 * figures["by_quota_s"], figures
