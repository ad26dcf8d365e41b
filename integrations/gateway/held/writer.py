"""Keeps calls durably before their callers are told so. Those that come together share one transaction.

While one transaction is written to disk the next one gathers, so the number of commits follows the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError

from integrations.call_log.known import ClientValues
from integrations.gateway.held import storing
from integrations.gateway.held.draft import Draft, Kept, NotKept
from integrations.models import HeldCall
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

BATCH = 64
BATCH_BYTES = 16 * 1024 * 1024
MOST_WAITING = 2_000
MOST_WAITING_BYTES = 128 * 1024 * 1024

InThread = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class _Waiting:
    draft: Draft
    done: asyncio.Future[Kept] = field(repr=False)


class HeldWriter:
    """The queue's door of one web process. `in_thread` runs what needs the database."""

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._values = ClientValues()  # one batch at a time is written, so one thread at a time asks it

    async def put(self, draft: Draft) -> Kept:
        """Return when this is on disk; raises NotKept when it is not, and then it will not be sent later either."""
        if len(self._waiting) >= MOST_WAITING or self._bytes + draft.size > MOST_WAITING_BYTES:
            raise NotKept("busy")
        waiting = _Waiting(draft, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._bytes += draft.size
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        # Shielded: a caller that goes away does not take back what may be on disk already.
        return await asyncio.shield(waiting.done)

    async def known(self, draft: Draft) -> storing.Result | None:
        """Return the held call that the draft's key names, NotKept where that was another request; or None."""
        try:
            found: storing.Result | None = await self._in_thread(storing.known_as, draft)
        except (DatabaseError, VaultError):
            return NotKept("unavailable")
        return found

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch = self._gathered()
                for waiting, result in zip(batch, await self._written(batch), strict=True):
                    _tell(waiting, result)
        finally:
            self._writing = None

    def _gathered(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
            batch.append(self._waiting.pop(0))
            size += batch[-1].draft.size
        self._bytes -= size
        return batch

    async def _written(self, batch: Sequence[_Waiting]) -> list[storing.Result]:
        drafts = [waiting.draft for waiting in batch]
        try:
            found: list[storing.Result] = await self._in_thread(storing.write, drafts, self._values)
        except (DatabaseError, VaultError) as failed:
            logger.warning("%d calls not kept: %s", len(batch), type(failed).__name__)
            return await self._looked_for(drafts)
        except Exception as failed:  # noqa: BLE001 - whatever it was: its caller is told, and the others go on
            # Not the message: a database's may repeat what it was given.
            logger.error("%d calls could not be kept: %s", len(batch), type(failed).__name__)
            return [NotKept("failed")] * len(batch)
        return found

    async def _looked_for(self, drafts: Sequence[Draft]) -> list[storing.Result]:
        """Say of each call whether it is there: a server that was lost while it committed may have done so.

        Where that cannot be asked either nobody knows, and the caller is told just that.
        """
        try:
            there = await self._in_thread(_which_are_there, drafts)
        except DatabaseError:
            return [NotKept("unknown")] * len(drafts)
        return [Kept(each.id, each.state) if each.id in there else NotKept("unavailable") for each in drafts]


def _which_are_there(drafts: Sequence[Draft]) -> set[Any]:
    return set(HeldCall.objects.filter(pk__in=[draft.id for draft in drafts]).values_list("pk", flat=True))


def _tell(waiting: _Waiting, result: storing.Result) -> None:
    if waiting.done.done():
        return
    if isinstance(result, NotKept):
        waiting.done.set_exception(NotKept(result.why))
    else:
        waiting.done.set_result(result)
