"""How many calls of one connection may be under way: a slow provider must not take every slot of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from integrations.gateway.retry import RetryBudget

IN_FLIGHT = 128


class Bulkhead:
    """A place in line per connection, and its retry budget. More calls wait; none is refused for that."""

    def __init__(self, *, size: int = IN_FLIGHT) -> None:
        self._size = size
        self._kept: dict[UUID | None, tuple[asyncio.Semaphore, RetryBudget]] = {}

    @asynccontextmanager
    async def of(self, connection_id: UUID | None) -> AsyncIterator[RetryBudget]:
        """Hold one place while the body runs, and give the connection's retry budget."""
        kept = self._kept.get(connection_id)
        if kept is None:
            kept = self._kept[connection_id] = (asyncio.Semaphore(self._size), RetryBudget())
        async with kept[0]:
            yield kept[1]
