"""An endpoint's own limit of requests a minute, shared by all web processes.

Each process takes requests from a shared row in blocks, as the gateway does for its tokens. What was refused is counted
apart, by the same limit: else a stranger could use the minute up, and the vendor's own events would be sent away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import DatabaseError

from integrations.gateway.throttle import lease_block, seconds_left, starts

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint

WINDOW = "minute"
VERIFIED, REFUSED = WINDOW, "refused"

InThread = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class _Lease:
    starts_at: datetime
    limit: int
    left: int = 0
    is_spent: bool = False
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Rate:
    """The blocks that one process has taken."""

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._leases: dict[tuple[UUID, str], _Lease] = {}

    async def wait_s(self, endpoint: WebhookEndpoint, counted: str, *, now: datetime) -> float:
        """Count one request, VERIFIED or REFUSED; return 0, or how many seconds the sender must wait.

        Where the counts cannot be read or written the request is let through: an event is worth more than the limit.
        """
        limit = endpoint.per_minute
        if limit is None:
            return 0.0
        lease = self._lease((endpoint.pk, counted), limit, now=now)
        if lease.left == 0 and not lease.is_spent:
            async with lease.asking:
                try:
                    await self._ask_for_more(lease, endpoint.pk, counted)
                except DatabaseError:
                    return 0.0
        if lease.left == 0:
            return seconds_left(WINDOW, now) or 0.0
        lease.left -= 1
        return 0.0

    def _lease(self, key: tuple[UUID, str], limit: int, *, now: datetime) -> _Lease:
        starts_at = starts(WINDOW, now)
        lease = self._leases.get(key)
        if lease is None or (lease.starts_at, lease.limit) != (starts_at, limit):  # a changed limit holds at once
            lease = self._leases[key] = _Lease(starts_at, limit)
        return lease

    async def _ask_for_more(self, lease: _Lease, endpoint_id: UUID, counted: str) -> None:
        if lease.left or lease.is_spent:
            return
        lease.left = await self._in_thread(
            lease_block, endpoint_id, counted, starts_at=lease.starts_at, limit=lease.limit
        )
        lease.is_spent = lease.left == 0
