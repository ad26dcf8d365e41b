"""A fresh access token for a call: asked for in threads of its own, since it may wait for the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

from django.db import connections

from integrations.gateway.problems import Problem
from integrations.models import Connection
from integrations.oauth.errors import NeedsReconnecting, NotUsableNow
from integrations.oauth.refresh import RefreshResult, refresh

THREADS = 4
ANEW = frozenset({"refreshed", "used_newer"})

Refresh = Callable[..., RefreshResult]


class Refresher:
    """Refreshes on behalf of calls. How, and at most once at a time, is decided in `oauth/refresh.py`."""

    def __init__(self, *, how: Refresh = refresh) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway-refresh")
        self._how = how

    async def after_401(self, connection_id: UUID, *, seen: UUID) -> bool:
        """Tell whether there is a newer token than the one that was refused. The 401 stands where there is none."""
        try:
            return await self._in_thread(connection_id, seen)
        except (NeedsReconnecting, NotUsableNow):
            return False

    async def before_the_call(self, connection_id: UUID, *, seen: UUID | None) -> None:
        """Replace a token that has ended; raises Problem when there is no usable one now."""
        try:
            await self._in_thread(connection_id, seen)
        except NeedsReconnecting:
            raise Problem("needs_reconnecting") from None
        except NotUsableNow as error:
            raise Problem("unavailable", retry_after_s=error.retry_after_s) from None

    async def _in_thread(self, connection_id: UUID, seen: UUID | None) -> bool:
        def work() -> bool:
            try:
                return self._how(Connection(pk=connection_id), now=datetime.now(UTC), seen=seen).outcome in ANEW
            finally:
                connections.close_all()  # rare enough: nothing is kept open for it

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """End the threads once their work is done."""
        self._threads.shutdown()
