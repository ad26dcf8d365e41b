"""How many calls of one connection may be under way: a slow provider must not take every slot of the others."""

from __future__ import annotations

import asyncio
from uuid import UUID

from integrations.gateway.retry import RetryBudget

IN_FLIGHT = 128


class Bulkhead:
    """A place in line per connection, and its retry budget. More calls wait; none is refused for that."""

    def __init__(self, *, size: int = IN_FLIGHT) -> None:
        self._size = size
        self._kept: dict[UUID | None, tuple[asyncio.Semaphore, RetryBudget]] = {}

    def of(self, connection_id: UUID | None) -> tuple[asyncio.Semaphore, RetryBudget]:
        """Return the connection's places, one of which is held during a call, and its retry budget."""
        kept = self._kept.get(connection_id)
        if kept is None:
            kept = self._kept[connection_id] = (asyncio.Semaphore(self._size), RetryBudget())
        return kept
