"""Permits for a call that does not come through the gateway, such as a test of a credential.

It counts in the same quotas as the calls of all processes, and takes its permits from the same shared states. Where
none is free within two seconds, or nobody can tell, the call is not made: it can be made later, and a caller's cannot.
One that cannot be put off is counted there, so that callers are paced by what is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex

from integrations import ledger
from integrations.errors import IntegrationError
from integrations.gateway.quota import closed, rules, window
from integrations.gateway.quota.known import Asker, learnt_of
from integrations.gateway.quota.rules import Rule
from integrations.gateway.quota.share import FIRST_LATE_S, lives_s
from integrations.gateway.quota.window import Lease, Permit, Question, State
from integrations.ledger import LedgerUnavailable

WAIT_S = 2.0  # somebody sits before the page
LOOK_EVERY_S = 0.1

Clock = Callable[[], float]
Sleep = Callable[[float], None]


class NoPermit(IntegrationError):
    """A quota of the provider is used up for now, or nobody can tell whether it is.

    `until` is when a permit may be free, a Unix time; None where nobody can tell.
    """

    code = "upstream_limited"

    def __init__(self, message: str, *, until: float | None = None) -> None:
        self.until = until
        super().__init__(message)


def take(
    asker: Asker,
    *,
    within_s: float | None = None,
    clock: Clock = time.time,
    sleep: Sleep = time.sleep,
) -> None:
    """Take a permit of each quota that this call counts in, and wait until it may go, WAIT_S at most; raises NoPermit.

    For threads, outside of a transaction.
    """
    taken: list[tuple[Rule, Permit]] = []
    ends_at = clock() + (WAIT_S if within_s is None else within_s)
    try:
        for rule in _open(asker, now=clock()):
            permit = _one(rule, ends_at=ends_at, clock=clock, sleep=sleep)
            taken.append((rule, permit))
    except (LedgerUnavailable, NoPermit) as error:
        with suppress(LedgerUnavailable):
            for rule, permit in taken:
                _give_back(rule, permit, clock=clock)
        until = error.until if isinstance(error, NoPermit) else None
        raise NoPermit("no permit is free", until=until) from error


def count(asker: Asker, *, clock: Clock = time.time) -> None:
    """Count a call that goes whether or not a permit is free. It waits for none, and never fails.

    Where the shared states cannot be reached it is not counted: a 429 to a caller is the lesser evil.
    """
    with suppress(LedgerUnavailable):
        for rule in _fitting(asker):
            _moved(rule, window.slot_of(rule.quota, clock() + FIRST_LATE_S), 1, clock=clock)


def _open(asker: Asker, *, now: float) -> list[Rule]:
    """Return the quotas that a call counts in; raises NoPermit where one is closed, and LedgerUnavailable."""
    fitting = _fitting(asker)
    until = closed.until([asker.whose.key("connection"), *(rule.key for rule in fitting)], now=now)
    if until is not None:
        raise NoPermit("the provider has closed it", until=until)
    return fitting


def _fitting(asker: Asker) -> list[Rule]:
    """Return the quotas that a call counts in; raises LedgerUnavailable."""
    found = rules.rules(asker.whose, asker.documented, learnt_of(asker.whose.connection_id), line=asker.line)
    return [rule for rule in found if rule.is_for(asker.method, asker.path)]


def _one(rule: Rule, *, ends_at: float, clock: Clock, sleep: Sleep) -> Permit:
    taker = token_hex(6)
    while True:
        lease = _asked(rule, Question(taker, 1, 1, 1, FIRST_LATE_S), clock=clock)
        if lease.permits:
            permit = lease.permits[0]
            if permit.at > max(ends_at, clock()):  # a long window gives them a minute ahead
                _give_back(rule, permit, clock=clock)
                raise NoPermit("none is free soon", until=permit.at)
            sleep(max(0.0, permit.at - clock()))
            return permit
        if max(lease.next_at, clock() + LOOK_EVERY_S) > ends_at:
            raise NoPermit("none is free soon", until=lease.next_at)
        sleep(max(LOOK_EVERY_S, min(lease.next_at, lease.ask_at) - clock()))


def _give_back(rule: Rule, permit: Permit, *, clock: Clock) -> None:
    _moved(rule, permit.slot, -1, clock=clock)


def _moved(rule: Rule, slot: int, change: int, *, clock: Clock) -> None:
    """Have so many calls more, or fewer, count under a slot."""
    _asked(rule, Question(token_hex(6), 0, 0, 0, FIRST_LATE_S, moved={slot: change}), clock=clock)


def _asked(rule: Rule, question: Question, *, clock: Clock) -> Lease:
    def decide(raw: bytes) -> tuple[bytes, Lease]:
        state = State.load(raw)
        lease = window.ask(state, rule.quota, question, now=clock())
        return state.dump(), lease

    return ledger.change(f"quota {rule.key}", decide, lives_s=lives_s(rule.quota))
