"""A fresh access token for code on an event loop: the gateway asks here before a call and after a 401.

All the callers of one connection in one process share one thread; across processes the lease decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

from django.db import close_old_connections

from integrations import outbound
from integrations.oauth.refresh import lives, read, refresh
from integrations.oauth.session import Send

THREADS = 8

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oauth-refresh")
_running: dict[tuple[int, UUID, int | None], asyncio.Future[int]] = {}


async def freshen(connection_id: UUID, *, now: datetime, refused: int | None = None, send: Send = outbound.send) -> int:
    """Return the number of the stored version whose access token may be sent now, refreshed if need be.

    `refused` is the number of the version that the upstream has just answered with 401: when the same
    number comes back, nothing better is to be had. Raises NeedsReconnecting or NotUsableNow. A caller
    that goes away does not stop the refresh: others wait for it too.
    """
    key = (id(asyncio.get_running_loop()), connection_id, refused)
    running = _running.get(key)
    if running is None:
        running = asyncio.ensure_future(
            _in_thread(lambda: usable_version(connection_id, now=now, refused=refused, send=send))
        )
        running.add_done_callback(lambda _: _running.pop(key, None))
        _running[key] = running
    return await asyncio.shield(running)


async def _in_thread(work: Callable[[], int]) -> int:
    def checked() -> int:
        close_old_connections()
        return work()

    return await asyncio.get_running_loop().run_in_executor(_threads, checked)


def usable_version(
    connection_id: UUID, *, now: datetime, refused: int | None = None, send: Send = outbound.send
) -> int:
    """Do the same without a loop."""
    row = read(connection_id)
    current = row.secret.current if row.secret else None
    if current is not None and current.number != refused and lives(row, now=now):
        return current.number
    row = refresh(row, now=now, seen=current.pk if current else None, send=send).connection
    return row.secret.current.number if row.secret and row.secret.current else 0
