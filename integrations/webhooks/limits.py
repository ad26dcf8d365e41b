"""An endpoint's own limit of requests a minute, shared by all web processes.

Each process takes requests from a shared row in blocks, as the gateway does for its tokens. What was refused is counted
apart, by the same limit: else a stranger could use the minute up, and the vendor's own events would be sent away.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import DatabaseError

from integrations.gateway.throttle import Blocks, InThread, seconds_left, starts

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint

WINDOW = "minute"
VERIFIED, REFUSED = WINDOW, "refused"


class Rate:
    """The limits of the endpoints that this process answers for."""

    def __init__(self, in_thread: InThread) -> None:
        self._blocks = Blocks(in_thread)

    async def wait_s(self, endpoint: WebhookEndpoint, counted: str, *, now: datetime) -> float:
        """Count one request, VERIFIED or REFUSED; return 0, or how many seconds the sender must wait.

        Where the counts cannot be read or written the request is let through: an event is worth more than the limit.
        """
        limit = endpoint.per_minute
        if limit is None:
            return 0.0
        try:
            is_granted = await self._blocks.take(endpoint.pk, counted, starts_at=starts(WINDOW, now), limit=limit)
        except DatabaseError:
            return 0.0
        return 0.0 if is_granted else seconds_left(WINDOW, now) or 0.0
