"""The door to the quotas: a call takes a permit of each that it counts in, and says afterwards what it heard.

Every attempt comes by here, whichever process makes it: the web processes, the worker that sends held calls, a test
call from the console. Each has a limiter of its own; the ledger is what they share. A connection of which no limit is
known costs a look into a dict.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from integrations import ledger
from integrations.gateway.problems import Problem
from integrations.gateway.quota.closed import Closings
from integrations.gateway.quota.known import Asker, Known, KnownQuotas
from integrations.gateway.quota.rules import Rule
from integrations.gateway.quota.share import Share, TooLate, Used
from integrations.gateway.quota.window import LONG_S, Lease, State, Told
from integrations.limits import Reading

MAX_WAIT_S = 30.0
SPENT_S = 60.0  # where the money is gone and nobody says until when, one call a minute goes to see
UNTOLD_S = 1.0
APART_S = 0.05  # how far apart calls go that have waited for a closed quota of unknown size
MOST_KEPT = 10_000

InThread = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class Pass:
    """What a call has taken: a permit of each quota, and how long it waited for which.

    `fitting` are the quotas that it counts in, of the `rules` that were known then.
    """

    asker: Asker
    rules: tuple[Rule, ...] = ()
    fitting: Sequence[Rule] = ()
    taken: list[tuple[Share, Rule, Used]] = field(default_factory=list)
    sent_at: float = 0.0
    waited_s: float = 0.0
    waited_for: str = ""

    def is_fresh(self, now: float) -> bool:
        """Tell whether the permits may still be used: a call may have waited for something else meanwhile."""
        return not any(now > used.permit.until for _, _, used in self.taken)

    def give_back(self) -> None:
        """Return the permits of a call that was not made."""
        for share, _, used in self.taken:
            share.give_back(used)
        self.taken = []

    def readings(self) -> list[Reading]:
        """Return our own count, for a provider that tells nothing."""
        return [
            Reading(rule.bucket, rule.quota.limit, max(0, rule.quota.limit - share.used), int(rule.quota.window_s))
            for share, rule, _ in self.taken
        ]


class Limiter:
    """The quotas of the connections that this process calls."""

    def __init__(self, in_thread: InThread, *, clock: Callable[[], float] = time.time) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._taker = token_hex(6)
        self._known = KnownQuotas(in_thread, clock=clock)
        self._shares: OrderedDict[str, Share] = OrderedDict()
        self._closings = Closings(in_thread, clock=clock)

    async def take(self, asker: Asker, *, within_s: float = MAX_WAIT_S) -> Pass:
        """Return a pass as soon as every quota lets the call through.

        Raises Problem upstream_limited, with the time until one does, where that is later than `within_s` away.
        """
        known = self._known.ready(asker) or await self._known.of(asker)
        if not known.rules and not known.has_heard:
            await known.after_the_first()
        fitting = [rule for rule in known.rules if rule.is_for(asker.method, asker.path)]
        passed, began = Pass(asker, known.rules, fitting), self._clock()
        if self._closings.are_any(began):
            await self._past_the_closed(passed, fitting, ends_at=began + within_s)
        for rule in fitting:
            share = self._share(rule)
            used = share.take_now() or await self._waited(passed, share, rule, ends_at=began + within_s)
            passed.taken.append((share, rule, used))
        passed.sent_at = self._clock()
        known.sent.append((passed.sent_at, tuple([rule.key for rule in fitting])))
        return passed

    async def _waited(self, passed: Pass, share: Share, rule: Rule, *, ends_at: float) -> Used:
        """Return a permit that has to be waited for; where that takes too long, those already taken go back."""
        asked_at = self._clock()
        try:
            used = await share.take(passed.asker.token_id, within_s=ends_at - asked_at)
        except TooLate as late:
            passed.give_back()
            raise Problem("upstream_limited", retry_after_s=late.wait_s) from None
        except asyncio.CancelledError:
            passed.give_back()
            raise
        passed.waited_for = rule.words
        passed.waited_s += used.at - asked_at
        return used

    async def _past_the_closed(self, passed: Pass, fitting: list[Rule], *, ends_at: float) -> None:
        """Wait while the provider has closed one of the quotas; calls that waited together go one after the other."""
        keys = [self._key(passed.asker), *(rule.key for rule in fitting)]
        while (closed := self._closings.of(keys)) is not None:
            now = self._clock()
            if closed.is_spent or closed.until > ends_at:
                raise Problem("upstream_limited", retry_after_s=closed.until - now)
            with self._closings.waiting(closed) as place:
                await asyncio.sleep(closed.until - now + place * APART_S)
            passed.waited_for = passed.waited_for or "closed"
            passed.waited_s += self._clock() - now

    def heard(
        self, passed: Pass, readings: Sequence[Reading], *, is_limit: bool, wait_s: float | None, is_spent: bool
    ) -> None:
        """Note what an answer said of the quotas. `wait_s` is what it asks us to wait, `is_spent` that none helps."""
        known = self._known.at_hand(passed.asker)
        if known is None:
            return
        for share, _, used in passed.taken:
            share.answered(used)
        if readings or not known.has_heard:
            self._count_what_went(known, self._known.learn(passed.asker, known, readings))
            self._told(passed, known, readings, is_limit=is_limit)
        known.heard()
        if is_limit:
            self._close(passed, known, readings, wait_s=wait_s, is_spent=is_spent)

    def _count_what_went(self, known: Known, new: list[Rule]) -> None:
        """Count the calls of this process that went before their quota was known."""
        for rule in new:
            if not rule.is_narrow:
                share, since = self._share(rule), self._clock() - rule.quota.window_s
                for at, keys in known.sent:
                    if at > since and rule.key not in keys:
                        share.count(at)

    def unanswered(self, passed: Pass, *, was_sent: bool) -> None:
        """Note that an attempt had no answer: it teaches nothing, and if it never left, its permits are free again."""
        if not was_sent:
            passed.give_back()
        if (known := self._known.at_hand(passed.asker)) is not None:
            known.heard()

    def _told(self, passed: Pass, known: Known, readings: Sequence[Reading], *, is_limit: bool) -> None:
        """Pass on what is left, where others use the same quota beside us.

        A provider that has never said anything but "nothing left", and lets calls through, does not count.
        """
        if passed.rules is not known.rules:  # this answer, or another since, has taught something new
            passed.rules = known.rules
            passed.fitting = [rule for rule in known.rules if rule.is_for(passed.asker.method, passed.asker.path)]
        for reading in readings:
            rule = _rule_of(passed.fitting, reading)
            if rule is None or reading.remaining is None:
                continue
            if reading.remaining:
                known.counting.add(rule.key)
            elif rule.key not in known.counting and not is_limit:
                continue
            resets_at = reading.resets_at.timestamp() if reading.resets_at else 0.0
            self._share(rule).tell(Told(reading.remaining, passed.sent_at, resets_at))
            if reading.remaining == 0 and rule.quota.window_s > LONG_S:
                self._closings.close(rule.key, until=resets_at or self._clock() + SPENT_S)

    def _close(
        self, passed: Pass, known: Known, readings: Sequence[Reading], *, wait_s: float | None, is_spent: bool
    ) -> None:
        """Close what an answer said is used up, until the time it named."""
        narrow = [rule for _, rule, _ in passed.taken if rule.is_narrow]
        key = narrow[-1].key if narrow else self._key(passed.asker)
        resets = [reading.resets_at.timestamp() for reading in readings if reading.resets_at and not reading.remaining]
        now = self._clock()
        if wait_s is not None:
            until = now + wait_s
        elif is_spent:
            until = max([*resets, now + SPENT_S])
        elif _counts_down(known.rules, readings):
            return  # the window says by itself when the next call may go
        else:
            until = min(resets, default=now + UNTOLD_S)
        self._closings.close(key, until=until, is_spent=is_spent)

    def _share(self, rule: Rule) -> Share:
        share = self._shares.get(rule.key)
        if share is None:
            share = Share(rule.key, rule.quota, taker=self._taker, asking=self._ask, clock=self._clock)
            self._shares[rule.key] = share
            if len(self._shares) > MOST_KEPT and next(iter(self._shares.values())).is_idle:
                self._shares.popitem(last=False)
        share.quota = rule.quota
        return share

    async def _ask(self, key: str, decide: Callable[[State], Lease], lives_s: float) -> Lease:
        """Ask the shared state in a thread."""

        def on_bytes(raw: bytes) -> tuple[bytes, Lease]:
            state = State.load(raw)
            lease = decide(state)
            return state.dump(), lease

        lease: Lease = await self._in_thread(ledger.change, f"quota {key}", on_bytes, lives_s=lives_s)
        return lease

    @staticmethod
    def _key(asker: Asker) -> str:
        return asker.whose.key("connection")

    async def settled(self) -> None:
        """Wait for what is being written down."""
        await self._closings.settled()
        await self._known.settled()


def _rule_of(fitting: Sequence[Rule], reading: Reading) -> Rule | None:
    """Return the quota that a reading is about, of those that its call counts in: by its name, else by its time."""
    named = timed = None
    for rule in fitting:
        if rule.paths or rule.methods:
            continue
        if rule.bucket == reading.bucket:
            if reading.limit in (None, rule.quota.limit):
                return rule
            named = named or rule
        elif rule.quota.window_s == reading.window_s:
            timed = timed or rule
    return named or timed


def _counts_down(found: tuple[Rule, ...], readings: Sequence[Reading]) -> bool:
    """Tell whether an answer's own numbers say that a short window of ours is full: then counting is enough."""
    short = {rule.bucket for rule in found if rule.quota.window_s <= LONG_S}
    return any(reading.remaining == 0 and reading.bucket in short for reading in readings)
