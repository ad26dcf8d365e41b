"""How many calls of one connection may be under way: a slow provider must not take every slot of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from django.db import DatabaseError

from integrations.gateway import throttle
from integrations.gateway.retry import RetryBudget

IN_FLIGHT = 128


class Bulkhead:
    """A place in line per connection, and its retry budget. More calls wait; none is refused for that."""

    def __init__(
        self,
        blocks: throttle.Blocks,
        *,
        size: int = IN_FLIGHT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._blocks = blocks
        self._now = now
        self._size = size
        self._kept: dict[UUID | None, tuple[asyncio.Semaphore, RetryBudget]] = {}

    def of(self, connection_id: UUID | None) -> tuple[asyncio.Semaphore, RetryBudget]:
        """Return the connection's places, one of which is held during a call, and its retry budget."""
        kept = self._kept.get(connection_id)
        if kept is None:
            budget = RetryBudget(lambda: self._floor(connection_id))
            kept = self._kept[connection_id] = (asyncio.Semaphore(self._size), budget)
        return kept

    async def _floor(self, connection_id: UUID | None) -> bool:
        """Take one of the repeats that the connection has in this minute in all processes together.

        Where the shared row cannot be written there is none: what is left is this process's own tenth.
        """
        if connection_id is None:
            return False
        starts_at = throttle.starts("minute", self._now())
        try:
            return await self._blocks.take(connection_id, "repeats", starts_at=starts_at, limit=RetryBudget.FLOOR)
        except DatabaseError:
            return False
