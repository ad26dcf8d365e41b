"""One quota in one process: the permits it has leased, and who waits for one, each token in its turn."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from integrations.gateway.quota import window
from integrations.gateway.quota.window import Lease, Permit, Question, Quota, State, Told
from integrations.ledger import LedgerUnavailable

FIRST_LATE_S = 0.25
KEPT_S = 600.0
LONGEST_S = 31 * 86_400.0

# Runs `window.ask` on the shared state of a key: a compare-and-swap, somewhere where it may wait.
Asking = Callable[[str, Callable[[State], Lease], float], Awaitable[Lease]]


def lives_s(quota: Quota) -> float:
    """Return how long the shared state of a quota is kept after it was written last."""
    return min(quota.window_s, LONGEST_S) + KEPT_S


class TooLate(Exception):
    """The next permit comes later than the call may wait; `wait_s` is how long it would have to."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"{wait_s:.1f} s")
        self.wait_s = wait_s


@dataclass(slots=True)
class Used:
    """A permit that a call has taken, and when."""

    permit: Permit
    at: float
    is_answered: bool = False


class Share:
    """What this process has of one quota."""

    def __init__(self, key: str, quota: Quota, *, taker: str, asking: Asking, clock: Callable[[], float]) -> None:
        self.key = key
        self.quota = quota
        self.used = 0
        self._taker = taker
        self._asking = asking
        self._clock = clock
        self._permits: deque[Permit] = deque()
        self._lines: OrderedDict[UUID, deque[asyncio.Future[Permit]]] = OrderedDict()
        self._waiting = 0
        self._server: asyncio.Task[None] | None = None
        self._own = self._seen = State()
        self._moved: dict[int, int] = {}
        self._told: Told | None = None
        self._late_s = FIRST_LATE_S
        self._size, self._unused = 1, 0
        self._ask_at = self._next_at = self._each_s = 0.0

    def take_now(self) -> Used | None:
        """Return a permit that is at hand, where nobody waits for one."""
        if self._waiting:
            return None
        now = self._clock()
        permit = self._due(now)
        return Used(permit, now) if permit is not None else None

    async def take(self, token: UUID, *, within_s: float) -> Used:
        """Return a permit as soon as it is this token's turn; raises TooLate where that takes longer than `within_s`.

        Where the shared state cannot be reached, this process counts for itself, from what it last saw there: a
        provider that says 429 is a lesser evil than calls that stand still because our own cache is down.
        """
        used = self.take_now()
        if used is not None:
            return used
        if (wait_s := self.wait_s(token)) > within_s:
            raise TooLate(wait_s)
        return await self._in_line(token, within_s=within_s)

    async def _in_line(self, token: UUID, *, within_s: float) -> Used:
        mine: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(token, deque()).append(mine)
        self._waiting += 1
        if self._server is None:
            self._server = asyncio.create_task(self._serve())
        try:
            async with asyncio.timeout(within_s):
                return Used(await mine, self._clock())
        except TimeoutError:
            self._leave(token, mine)
            raise TooLate(max(1.0, self.wait_s(token))) from None
        except asyncio.CancelledError:
            self._leave(token, mine)
            raise

    def _leave(self, token: UUID, mine: asyncio.Future[Permit]) -> None:
        """Take a call that goes away out of its line; a permit it got in the same moment goes back."""
        line = self._lines.get(token)
        if line is not None and mine in line:
            line.remove(mine)
            self._waiting -= 1
            if not line:
                del self._lines[token]
        elif mine.done() and not mine.cancelled():
            self.give_back(Used(mine.result(), self._clock()))

    def wait_s(self, token: UUID) -> float:
        """Return about how long the next call of this token has to wait: its turn comes once a round."""
        if not self._each_s:
            return 0.0
        place = len(self._lines.get(token, ())) + 1
        before = sum(min(len(line), place) for owner, line in self._lines.items() if owner != token) + place - 1
        return max(0.0, self._next_at - self._clock()) + before * self._each_s

    def give_back(self, used: Used) -> None:
        """Return a permit that no call went with."""
        if used.permit.until >= self._clock() and not self._waiting:
            self._permits.appendleft(used.permit)
        else:
            self._move(used.permit.slot, None)

    def answered(self, used: Used) -> None:
        """Note that a call's answer has begun: it arrived before now, which is mostly earlier than it was counted."""
        if used.is_answered:
            return
        used.is_answered, now = True, self._clock()
        slot = window.slot_of(self.quota, now)
        if slot < used.permit.slot:
            self._move(used.permit.slot, slot)
        most = max(FIRST_LATE_S, self.quota.ahead_s)
        self._late_s = min(most, max(2 * (now - used.at), self._late_s * 0.98, 0.02))

    def count(self, at: float) -> None:
        """Count a call that went without a permit, because nobody knew of this quota yet."""
        slot = window.slot_of(self.quota, at + self._late_s)
        self._moved[slot] = self._moved.get(slot, 0) + 1

    def tell(self, told: Told) -> None:
        """Keep what an answer said, for the next question."""
        if self._told is None or told.sent_at >= self._told.sent_at:
            self._told = told

    @property
    def is_idle(self) -> bool:
        """Tell whether nobody waits here."""
        return not self._waiting

    def _move(self, slot: int, to: int | None) -> None:
        self._moved[slot] = self._moved.get(slot, 0) - 1
        if to is not None:
            self._moved[to] = self._moved.get(to, 0) + 1

    def _due(self, now: float) -> Permit | None:
        """Return the next permit that may be used now; those whose time is over go back."""
        permits = self._permits
        while permits and permits[0].at <= now:
            permit = permits.popleft()
            if now <= permit.until:
                return permit
            self._move(permit.slot, None)
            self._unused += 1
        return None

    async def _serve(self) -> None:
        """Hand out permits as they become due, as long as somebody waits."""
        try:
            while self._waiting:
                now = self._clock()
                permit = self._due(now)
                if permit is not None:
                    self._hand_out(permit)
                elif self._permits or self._ask_at > now:
                    next_at = self._permits[0].at if self._permits else self._ask_at
                    await asyncio.sleep(max(0.0, next_at - now))
                else:
                    await self._ask()
        finally:
            self._server = None

    def _hand_out(self, permit: Permit) -> None:
        """Give a permit to the token whose turn it is, and let the next one be next."""
        token, line = next(iter(self._lines.items()))
        first = line.popleft()
        self._waiting -= 1
        if line:
            self._lines.move_to_end(token)
        else:
            del self._lines[token]
        if first.done():
            self._permits.appendleft(permit)
        else:
            first.set_result(permit)

    async def _ask(self) -> None:
        """Ask for permits: as many as wait, and twice as many as last time where those were all used."""
        self._size = max(1, self._size - self._unused if self._unused else 2 * self._size)
        moved, self._moved = self._moved, {}
        told, self._told = self._told, None
        waiting = self._waiting
        question = Question(self._taker, max(waiting, self._size), waiting, len(self._lines), self._late_s, moved, told)
        try:
            lease = await self._asking(self.key, self._answer(question), lives_s(self.quota))
            self._own = self._seen
        except LedgerUnavailable:
            lease = self._answer(question)(self._own)
        self._size, self._unused = len(lease.permits) if not lease.each_s else 0, 0
        self._permits.extend(lease.permits)
        self.used, self._ask_at = lease.used, lease.ask_at if not lease.permits else 0.0
        self._next_at, self._each_s = lease.next_at, lease.each_s

    def _answer(self, question: Question) -> Callable[[State], Lease]:
        quota, clock = self.quota, self._clock

        def answer(state: State) -> Lease:
            self._seen = state
            return window.ask(state, quota, question, now=clock())

        return answer
