"""Makes held calls from one thread: an event loop with a task for each lane that may go.

A lane sends one call at a time, the oldest first. A provider that hangs holds its own lanes, and a client with a
hundred lanes does not keep out one with a single lane.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError

from integrations.gateway.held import callbacks, lanes, making
from integrations.gateway.held.living import Life
from integrations.gateway.held.sending import Sending
from integrations.outbound import allowed_private_hosts
from integrations.webhooks.sender import send
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

LANES = 32
LOOK_EVERY_S = 1.0
RENEW_EVERY_S = 4.0
TURN_S = 10.0
STOP_WITHIN_S = 15.0
WRITE_AGAIN_S = 1.0
DATABASE_AWAY = (OperationalError, InterfaceError)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Replayer:
    """The lanes of one process. `clock` is what a test decides instead."""

    def __init__(self, *, clock: Callable[[], datetime] = utc_now, look_every_s: float = LOOK_EVERY_S) -> None:
        self._clock, self._look_every_s = clock, look_every_s
        self._sending: Sending | None = None
        self._life: Life | None = None
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._telling: asyncio.Task[int] | None = None
        self._is_stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell: asyncio.Event | None = None

    def run(self) -> None:
        """Make calls until stopped."""
        asyncio.run(self._run())

    def run_until_idle(self) -> None:
        """Make what may go now, and whatever may go by then."""
        asyncio.run(self._run(is_once=True))

    def stop(self) -> None:
        """Have `run` return soon: nothing new is begun. From any thread."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Have it look at once. From any thread."""
        if self._loop is not None and self._bell is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._bell.set)

    async def _run(self, *, is_once: bool = False) -> None:
        self._loop, self._bell, self._sending = asyncio.get_running_loop(), asyncio.Event(), Sending()
        await self._begin(self._sending)
        self._life = Life()
        keeping = asyncio.create_task(self._keep_leases())
        try:
            while not self._is_stopping:
                was_idle = not self._under_way  # what ends during the look may leave a lane that it did not see
                begun = await self._look()
                self._tell()
                if is_once and was_idle and not begun and not await self._still_tells():
                    break
                await self._wait(0.01 if is_once else self._look_every_s)
        finally:
            keeping.cancel()
            await self._end()
            self._life.end()

    async def _begin(self, sending: Sending) -> None:
        """Open the vault and the call log, as soon as the database is there."""
        while not self._is_stopping:
            try:
                return await sending.gateway.start()
            except DATABASE_AWAY:
                logger.warning("held calls not begun, trying again")
                await self._wait(self._look_every_s)
        return None

    async def _wait(self, within_s: float) -> None:
        assert self._bell is not None  # noqa: S101 - for the type checker; `_run` made it
        try:
            async with asyncio.timeout(within_s):
                await self._bell.wait()
        except TimeoutError:
            pass
        self._bell.clear()

    async def _end(self) -> None:
        """Let what is being sent end; what does not is written down by whoever takes the lane next."""
        assert self._sending is not None  # noqa: S101 - for the type checker; `_run` made it
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=STOP_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._sending.gateway.drain()

    async def _look(self) -> int:
        """Begin with the lanes that may go; return how many were begun."""
        try:
            owner, taken = await self._asked(self._taken, LANES - len(self._under_way))
        except (DatabaseError, VaultError):
            logger.warning("held calls not looked at, trying again", exc_info=True)
            return 0
        for lane_id in taken:
            task = asyncio.create_task(self._lane(lane_id, owner))
            self._under_way[task] = owner
            task.add_done_callback(self._over)
        return len(taken)

    def _taken(self, most: int, *, now: datetime) -> tuple[str, list[UUID]]:
        """Take lanes that may go, those of dead workers among them."""
        assert self._life is not None  # noqa: S101 - for the type checker; `_run` made it
        if dead := self._life.dead():
            lanes.free_of(dead, now=now)
            self._life.bury(dead)
        return lanes.claim(most, now=now, name=self._life.name)

    def _tell(self) -> None:
        """Begin to tell who asked how calls ended, unless that is under way."""
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._told())

    async def _still_tells(self) -> bool:
        """Wait for what is being told; tell whether there was any."""
        return self._telling is not None and await self._telling > 0

    async def _told(self) -> int:
        assert self._sending is not None  # noqa: S101 - for the type checker; `_run` made it
        try:
            notices = await self._asked(callbacks.due)
            allowed = await self._asked(allowed_private_hosts, has_time=False) if notices else frozenset()
            for notice in notices:
                outcome = await send(self._sending.gateway.caller, notice.request, allowed=allowed)
                await self._asked(callbacks.told, notice, outcome, has_time=False)
        except (DatabaseError, VaultError):
            logger.warning("who waits for calls was not told, trying again")
            return 0
        except Exception:  # whatever broke: calls go on, and these are told after their next wait
            logger.exception("telling how held calls ended broke")
            return 0
        return len(notices)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        if self._bell is not None:
            self._bell.set()

    async def _lane(self, lane_id: UUID, owner: str) -> None:
        """Send what a lane may send, and let go of it."""
        try:
            try:
                await self._turn(lane_id, owner)
            except DATABASE_AWAY:
                logger.warning("a lane of held calls stopped, and is looked at again", exc_info=True)
                await asyncio.sleep(WRITE_AGAIN_S)
            await self._for_certain(lanes.release, lane_id, owner, has_time=False)
        except (DatabaseError, VaultError):
            logger.warning("a lane of held calls stopped, its lease will end", exc_info=True)
        except Exception:  # whatever broke: the lease ends, and the others go on
            logger.exception("a lane of held calls broke")

    async def _turn(self, lane_id: UUID, owner: str) -> None:
        """Make the calls of a lane one after the other, for ten seconds; then others come first."""
        assert self._loop is not None  # noqa: S101 - for the type checker; `_run` made it
        assert self._sending is not None  # noqa: S101 - as above
        ends_s = self._loop.time() + TURN_S
        await self._asked(lanes.recover, lane_id)
        work = await self._asked(making.next_work, lane_id, owner)
        while work is not None:
            result = await self._sending.send(work.call, work.request, slug=work.slug)
            if self._is_stopping or self._loop.time() >= ends_s:
                await self._for_certain(making.finish, work, result)
                break
            work = await self._for_certain(making.follow, work, result, owner)

    async def _for_certain(self, work: Callable[..., Any], *args: object, has_time: bool = True) -> Any:
        """Write something down, however long the database is away: what came of a call is known nowhere else."""
        while True:
            try:
                return await self._asked(work, *args, has_time=has_time)
            except DATABASE_AWAY:
                logger.warning("held calls: %s is not written, trying again", work.__name__)
                await asyncio.sleep(WRITE_AGAIN_S)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            owners = set(self._under_way.values())
            if owners:
                try:
                    await self._asked(lanes.renew, owners)
                except DatabaseError:
                    logger.warning("leases of held calls not renewed, trying again")

    async def _asked(self, work: Callable[..., Any], *args: object, has_time: bool = True) -> Any:
        """Ask the database in a thread; whatever asks for the time is given it."""
        assert self._sending is not None  # noqa: S101 - for the type checker; `_run` made it
        asked = partial(work, *args, now=self._clock()) if has_time else partial(work, *args)
        return await self._sending.lookup.in_thread(asked)
