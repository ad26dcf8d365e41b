"""Many sign-ins at once: their hashes wait for one another, and others are served meanwhile."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.visitor import Visitor

pytestmark = [pytest.mark.soak, pytest.mark.processes]
SIGN_INS = 50
MOST_BYTES = 1 << 30


def processes_of(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            with open(f"/proc/{one}/task/{one}/children") as listing:
                waiting += [int(child) for child in listing.read().split()]
        except FileNotFoundError:
            continue
    return found


def own_bytes(pid: int) -> int:
    """Return the memory that is a process's alone: shared pages are counted in proportion."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return 0


def test_fifty_sign_ins_at_once_stay_under_a_gibibyte_and_others_are_served(start_keylodge):
    live = start_keylodge(KEYLODGE_TRUSTED_PROXIES="1")
    email, password = live.make_owner()
    visitors = [Visitor(live.url, ip=f"198.51.100.{n}") for n in range(SIGN_INS)]
    for visitor in visitors:
        visitor.get("/accounts/login/")
    done, peak, waits = threading.Event(), [0], []

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], sum(map(own_bytes, processes_of(live.process.pid))))

    def others() -> None:
        while not done.wait(0.2):
            began = time.monotonic()
            assert live.get_json("/readyz")["ready"]
            waits.append(time.monotonic() - began)

    watchers = [threading.Thread(target=watch), threading.Thread(target=others)]
    for watcher in watchers:
        watcher.start()
    with ThreadPoolExecutor(SIGN_INS) as pool:
        given = [(v, f"nobody{n}@example.com" if n else email) for n, v in enumerate(visitors)]
        statuses = [a.status for a in pool.map(lambda one: one[0].sign_in(one[1], password), given)]
    done.set()
    for watcher in watchers:
        watcher.join()
    print(f"peak {peak[0] / 2**20:.0f} MiB; slowest of {len(waits)} other answers {max(waits):.2f} s")
    assert statuses.count(302) == 1
    assert statuses.count(200) == SIGN_INS - 1
    assert peak[0] < MOST_BYTES
    assert max(waits) < 5
