"""One quota, shared by several processes. Pure: a state, a question and the time in; permits out.

An upstream counts calls when they arrive, in any window that ends now; we count when we let them go. So a permit is
counted under the last moment at which its call may arrive, and from the moment it is given: whatever the processes
do meanwhile, no window of the upstream's ever holds more than the limit. Once a call is answered its true time is
known, and the count is moved there, so that being careful costs nothing where the upstream is quick.

Below the line nothing waits. Above it permits are spaced evenly, each process at its share of the rate, and they
stay spaced while anybody waits: else the burst would come back with every window.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

SLOTS = 100  # a window is counted in so many parts: the finer, the less is lost by rounding
BLOCK = 0.05  # of the limit, and of the window: what one process may take, and how far ahead
MOST_AT_ONCE = 500
STRETCH = 1.01  # the pace leaves room for rounding; the count alone decides what is safe
LONG_S = 3600  # a longer window begins anew at a time that only the provider knows: what it tells goes before our count


@dataclass(frozen=True, slots=True)
class Quota:
    """So many calls in so many seconds; from `line` on (a share of the limit) they are spaced."""

    limit: int
    window_s: float
    line: float = 0.8

    @property
    def slot_s(self) -> float:
        return self.window_s / SLOTS

    @property
    def block(self) -> int:
        """Return how many permits one process may take at once."""
        return max(1, min(int(self.limit * BLOCK), MOST_AT_ONCE))

    @property
    def ahead_s(self) -> float:
        """Return how far ahead of their time permits are given."""
        return min(self.window_s * BLOCK, 60.0)

    @property
    def beat_s(self) -> float:
        """Return how often a process that waits says so."""
        return min(1.0, max(0.1, self.window_s / 20))

    @property
    def is_long(self) -> bool:
        return self.window_s > LONG_S


@dataclass(slots=True)
class Taker:
    """One process: how many tokens were left waiting, when its last permit was for, until when that is to be heeded."""

    tokens: int = 0
    last_at: float = 0.0
    until: float = 0.0


@dataclass(slots=True)
class State:
    """What all processes know of one quota. `counts` are permits by the number of the slot they count under."""

    counts: dict[int, int] = field(default_factory=dict)
    takers: dict[str, Taker] = field(default_factory=dict)
    is_paced: bool = False
    told_at: float = 0.0
    resets_at: float = 0.0

    @classmethod
    def load(cls, raw: bytes) -> State:
        """Return a state as it was dumped; an empty one where there is none or it cannot be read."""
        try:
            read = json.loads(raw)
            counts = {int(slot): int(count) for slot, count in read["c"]}
            takers = {name: Taker(*values) for name, values in read["t"].items()}
            return cls(counts, takers, bool(read["p"]), float(read["a"]), float(read["r"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def dump(self) -> bytes:
        """Return the state as bytes."""
        takers = {name: [one.tokens, round(one.last_at, 4), round(one.until, 3)] for name, one in self.takers.items()}
        kept = {"c": [*self.counts.items()], "t": takers, "p": self.is_paced, "a": self.told_at, "r": self.resets_at}
        return json.dumps(kept, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer said: so many calls are left. `sent_at` is when its call went, `resets_at` 0 where not said."""

    remaining: int
    sent_at: float
    resets_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """What a process asks for: `most` permits, for so many calls of so many tokens that wait.

    `late_s` is how long after it went a call may arrive; `moved` corrects earlier counts, by slot.
    """

    taker: str
    most: int
    waiting: int
    tokens: int
    late_s: float
    moved: Mapping[int, int] = field(default_factory=dict)
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """One call may go at `at` or up to `until`; it counts under `slot` until its true time is known."""

    at: float
    until: float
    slot: int


@dataclass(frozen=True, slots=True)
class Lease:
    """The answer: permits, soonest first. Where there are too few, `next_at` is when this process's next one is due,
    `each_s` what then lies between two of them, and `ask_at` when to ask again.
    """

    permits: tuple[Permit, ...]
    next_at: float
    each_s: float
    ask_at: float
    used: int


def slot_of(quota: Quota, at: float) -> int:
    """Return the slot that ends at or after this moment."""
    return math.ceil(at / quota.slot_s)


def ask(state: State, quota: Quota, question: Question, *, now: float) -> Lease:
    """Give what may go now or soon, and note it in the state."""
    _correct(state, quota, question, now=now)
    _forget(state, quota, now=now)
    used = used_at(state, quota, now)
    edge = math.ceil(quota.line * quota.limit)
    others = sum(taker.tokens for name, taker in state.takers.items() if name != question.taker)
    before = state.takers.get(question.taker, Taker())
    state.is_paced = used >= edge or (state.is_paced and others + before.tokens > 0)
    if state.is_paced:
        lease = _spaced(state, quota, question, now=now, others=others)
    else:
        lease = _at_once(state, quota, question, now=now, room=edge - used)
    left = max(0, question.waiting - len(lease.permits))
    last_at = lease.permits[-1].at if lease.permits else before.last_at
    until = max(now, last_at if lease.permits else 0.0) + 4 * quota.beat_s
    state.takers[question.taker] = Taker(min(question.tokens, left), last_at, until)
    return lease


def used_at(state: State, quota: Quota, at: float) -> int:
    """Return how many permits still count at a moment."""
    return sum(count for slot, count in state.counts.items() if _ends(quota, slot) > at)


def _ends(quota: Quota, slot: int) -> float:
    return slot * quota.slot_s + quota.window_s


def _at_once(state: State, quota: Quota, question: Question, *, now: float, room: int) -> Lease:
    """Give permits for now; a process may keep what it does not need at once for a little while."""
    until = now + quota.ahead_s
    slot = slot_of(quota, until + question.late_s)
    count = max(0, min(question.most, quota.block, room, quota.limit - used_at(state, quota, now)))
    if count:
        state.counts[slot] = state.counts.get(slot, 0) + count
    used = used_at(state, quota, now)
    return Lease((Permit(now, until, slot),) * count, now, 0.0, now, used)


def _spaced(state: State, quota: Quota, question: Question, *, now: float, others: int) -> Lease:
    """Give permits one after the other, at this process's share of the rate, as long as the count allows."""
    each_s = _pace_s(state, quota, now=now) * (others + question.tokens) / max(1, question.tokens)
    last_at = state.takers[question.taker].last_at if question.taker in state.takers else 0.0
    at = last_at + each_s
    if at < now - quota.ahead_s or last_at > now + 2 * quota.ahead_s:  # it paused, or the clock was put back
        at = now
    ending = sorted((_ends(quota, slot), count) for slot, count in state.counts.items())
    used, gone = sum(count for _, count in ending), 0
    permits: list[Permit] = []
    while True:
        goes_at = max(at, now)
        while gone < len(ending) and (ending[gone][0] <= goes_at or used + len(permits) >= quota.limit):
            used -= ending[gone][1]
            goes_at = max(goes_at, ending[gone][0])
            gone += 1
        if len(permits) >= min(question.waiting, quota.block) or goes_at > now + quota.ahead_s:
            break
        permits.append(_permit(quota, goes_at, late_s=question.late_s))
        at = (at if goes_at - at < quota.ahead_s else goes_at) + each_s
    for permit in permits:
        state.counts[permit.slot] = state.counts.get(permit.slot, 0) + 1
    ask_at = min(goes_at, now + quota.beat_s)
    return Lease(tuple(permits), goes_at, each_s, ask_at, used_at(state, quota, now))


def _permit(quota: Quota, at: float, *, late_s: float) -> Permit:
    until = at + max(0.05, 2 * quota.slot_s)
    return Permit(at, until, slot_of(quota, until + late_s))


def _pace_s(state: State, quota: Quota, *, now: float) -> float:
    """Return the time between two calls of all processes together.

    In a long window what is left has to last until the provider begins anew; where it does not say when, nothing
    is gained by waiting.
    """
    if not quota.is_long:
        return quota.window_s * STRETCH / quota.limit
    left = quota.limit - used_at(state, quota, now)
    return (state.resets_at - now) / max(1, left) if state.resets_at > now else 0.0


def _correct(state: State, quota: Quota, question: Question, *, now: float) -> None:
    """Move what is known better by now, and count what others have used of the same quota beside us."""
    for slot, change in question.moved.items():
        state.counts[slot] = max(0, state.counts.get(slot, 0) + change)
    told = question.told
    if told is None or told.sent_at < state.told_at:
        return
    state.told_at = told.sent_at
    if told.resets_at:
        state.resets_at = told.resets_at
    if not quota.is_long and told.sent_at < now - _remembered_s(quota):
        return  # what counted then is forgotten by now, and would look like somebody else's calls
    ours = used_at(state, quota, told.sent_at)
    theirs = quota.limit - max(0, told.remaining)
    if quota.is_long:
        # Where the provider does not say when it begins anew, a minute later somebody may go and see.
        ends_at = told.resets_at or now + 60.0
        state.counts = {slot_of(quota, ends_at - quota.window_s): theirs}
    elif theirs > ours:
        ends_at = min(told.resets_at or math.inf, now + quota.window_s)
        slot = slot_of(quota, max(ends_at, now) - quota.window_s)
        state.counts[slot] = state.counts.get(slot, 0) + theirs - ours


def _forget(state: State, quota: Quota, *, now: float) -> None:
    """Drop what counts no more, and what a clock that has since been put back set too far ahead.

    What has just ended is kept a little longer: an answer on its way tells of the time when it still counted.
    """
    since, ahead = now - _remembered_s(quota), now + 2 * quota.window_s + 120.0
    state.counts = {slot: n for slot, n in state.counts.items() if n and since < _ends(quota, slot) <= ahead}
    state.takers = {name: one for name, one in state.takers.items() if now < one.until <= ahead}


def _remembered_s(quota: Quota) -> float:
    return max(2.0, quota.ahead_s)
