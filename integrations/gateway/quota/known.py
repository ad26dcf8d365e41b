"""What a process knows of the quotas of its connections: what answers have taught outlives it in the ledger."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from integrations import ledger
from integrations.gateway.quota import rules
from integrations.gateway.quota.rules import Learnt, Rule, Whose
from integrations.ledger import LedgerUnavailable
from integrations.limits import Reading
from integrations.providers.limit_facts import Limit

FIRST_S = 3.0
LOOK_EVERY_S = 0.05
LEARNT_FOR_S = 30 * 86_400.0
MOST_KEPT = 10_000
SETTLED_S = 5.0
MOST_REMEMBERED = 500
MOST_CHANGES = 40

InThread = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class Asker:
    """A call, as far as quotas are concerned. `path` is the raw path below the base URL, `line` a share of a limit."""

    whose: Whose
    token_id: UUID
    method: str
    path: bytes
    documented: Sequence[Limit]
    line: float


@dataclass(slots=True)
class Known:
    """The quotas of one connection. `sent` is when its last calls went, and with which quotas' permits.

    `counting` are the keys of those of which answers have said that some is left.
    """

    documented: Sequence[Limit]
    line: float
    learnt: tuple[Learnt, ...] = ()
    rules: tuple[Rule, ...] = ()
    is_loaded: bool = False
    loading: asyncio.Task[None] | None = None
    has_heard: bool = False
    first: asyncio.Event | None = None
    changed_at: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_CHANGES))
    counting: set[str] = field(default_factory=set)
    sent: deque[tuple[float, tuple[str, ...]]] = field(default_factory=lambda: deque(maxlen=MOST_REMEMBERED))

    async def after_the_first(self) -> None:
        """Let one call go and see where nothing is known yet of any limit; others wait for it some seconds at most.

        Fifty workflows that begin at once would else have used up a small quota before the first answer names it.
        """
        if self.first is None:
            self.first = asyncio.Event()
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.first.wait(), FIRST_S)
        self.has_heard = True

    def heard(self) -> None:
        """Let the calls go that wait for the first answer."""
        self.has_heard = True
        if self.first is not None:
            self.first.set()

    def changes_too_often(self, now: float) -> bool:
        """Tell whether answers name one quota after the other: each is a row, and none of them can be meant."""
        times = self.changed_at
        return len(times) == MOST_CHANGES and now - times[0] < 60

    def work_out(self, whose: Whose) -> list[Rule]:
        """Work the quotas out anew; return those that were none before."""
        before = {rule.key for rule in self.rules}
        self.rules = rules.rules(whose, self.documented, self.learnt, line=self.line)
        return [rule for rule in self.rules if rule.key not in before]


class KnownQuotas:
    """What is known of the connections that this process calls, the one called longest ago forgotten first."""

    def __init__(self, in_thread: InThread, *, clock: Callable[[], float]) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._kept: OrderedDict[UUID, Known] = OrderedDict()
        self._work: set[asyncio.Task[None]] = set()

    def ready(self, asker: Asker) -> Known | None:
        """Return what is known for a call where nothing has to be read or worked out first."""
        connection_id = asker.whose.connection_id
        known = self._kept.get(connection_id)
        if known is None or not known.is_loaded:
            return None
        if known.documented != asker.documented or known.line != asker.line:
            return None
        self._kept.move_to_end(connection_id)
        return known

    async def of(self, asker: Asker) -> Known:
        """Return what is known for a call; what was learnt before this process began is read once."""
        connection_id = asker.whose.connection_id
        known = self._kept.get(connection_id)
        if known is not None:
            self._kept.move_to_end(connection_id)
        if known is None:
            known = self._kept[connection_id] = Known(asker.documented, asker.line)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        elif (known.documented, known.line) != (asker.documented, asker.line):
            known.documented, known.line = asker.documented, asker.line
            known.work_out(asker.whose)
        if not known.is_loaded:
            if known.loading is None:
                known.loading = asyncio.create_task(self._load(asker, known))
            await asyncio.shield(known.loading)
        return known

    def at_hand(self, asker: Asker) -> Known | None:
        """Return what is known, None where it was forgotten."""
        return self._kept.get(asker.whose.connection_id)

    def learn(self, asker: Asker, known: Known, readings: Sequence[Reading]) -> list[Rule]:
        """Learn from an answer; return the quotas that nobody here knew of."""
        now = self._clock()
        if known.has_heard and rules.is_known(known.learnt, readings, now=now):
            return []
        learnt = rules.learn(known.learnt, readings, path=asker.path, now=datetime.fromtimestamp(now, UTC))
        if (learnt is known.learnt and known.has_heard) or known.changes_too_often(now):
            return []
        known.changed_at.append(now)
        known.learnt = learnt
        task = asyncio.create_task(self._keep(asker.whose.connection_id, learnt))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return known.work_out(asker.whose)

    async def _keep(self, connection_id: UUID, learnt: tuple[Learnt, ...]) -> None:
        """Write down what was learnt, for other processes and for the next start."""
        raw = rules.dump(learnt)
        try:
            await self._in_thread(ledger.change, _key(connection_id), lambda _: (raw, None), lives_s=LEARNT_FOR_S)
        except LedgerUnavailable:
            return  # the next answer teaches it again

    async def _load(self, asker: Asker, known: Known) -> None:
        """Read what was learnt before this process began.

        Where nobody has ever called, another process may be doing so just now: what it hears is waited for, as
        calls of one process wait for the first of them.
        """
        raw = await self._read(asker.whose.connection_id)
        known.work_out(asker.whose)
        if not raw and not known.rules and not await self._is_first(asker.whose.connection_id):
            until = self._clock() + FIRST_S
            while not raw and self._clock() < until:
                await asyncio.sleep(LOOK_EVERY_S)
                raw = await self._read(asker.whose.connection_id)
            known.has_heard = True
        known.has_heard = known.has_heard or bool(raw)
        known.learnt = known.learnt or rules.load(raw)
        known.work_out(asker.whose)
        known.is_loaded = True

    async def _read(self, connection_id: UUID) -> bytes:
        """Return what is kept of a connection: b"" where no call was ever answered, or where it cannot be read."""
        try:
            _, raw = await self._in_thread(ledger.read, _key(connection_id))
        except LedgerUnavailable:
            return b""
        return bytes(raw)

    async def _is_first(self, connection_id: UUID) -> bool:
        """Tell whether no other process is about to make the first call."""

        def decide(state: bytes) -> tuple[bytes | None, bool]:
            return (None, False) if state else (b"1", True)

        try:
            return bool(await self._in_thread(ledger.change, f"{_key(connection_id)} first", decide, lives_s=FIRST_S))
        except LedgerUnavailable:
            return True

    async def settled(self) -> None:
        """Wait for what is being written down."""
        if self._work:
            await asyncio.wait(self._work, timeout=SETTLED_S)


def learnt_of(connection_id: UUID) -> tuple[Learnt, ...]:
    """Return what answers have taught about a connection. For threads; raises LedgerUnavailable."""
    return rules.load(ledger.read(_key(connection_id))[1])


def _key(connection_id: UUID) -> str:
    return f"quotas learnt {connection_id}"
