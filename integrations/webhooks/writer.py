"""The thread that stores. Requests that arrive together share one transaction, and none is answered before its end.

While one transaction is written to disk the next one gathers, so the number of commits follows the disk and not the
number of requests. SQLite writes with `synchronous=FULL` (`config/env.py`), PostgreSQL with
`synchronous_commit`, whatever its server is set to.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections, transaction

from integrations.webhooks import quarantine, storing
from integrations.webhooks.quarantine import Refusal
from integrations.webhooks.storing import Arrival, StoredEvent

logger = logging.getLogger(__name__)

BATCH = 64
BATCH_BYTES = 32 * 1024 * 1024
BATCH_REFUSED = 16
MOST_WAITING = 5_000
MOST_WAITING_BYTES = 256 * 1024 * 1024
MOST_REFUSED = 500
MOST_REFUSED_BYTES = 64 * 1024 * 1024
WITHIN_S = 2.5
"""What a sender waits at most: Slack and Zoom give up after 3 s. One answered 503 may be stored all the same; then
the copy that it sends again is a duplicate."""
CLOSE_S = 15.0
CHECK_EVERY_S = 1.0
DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

Item = Arrival | Refusal
Written = StoredEvent | UUID


class NotStored(Exception):
    """The request is not known to be on disk."""


@dataclass(slots=True)
class _Waiting:
    item: Item
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Written] = field(repr=False)

    @property
    def is_verified(self) -> bool:
        return isinstance(self.item, Arrival)

    @property
    def size(self) -> int:
        return len(self.item.request.body)


class Writer:
    """Takes what arrived from the event loop; one thread writes it in batches.

    What was verified goes first. Anybody may send what is refused, and as much as they like: it has a small share of
    the room, and is written while nothing better waits.
    """

    def __init__(self) -> None:
        self._verified: deque[_Waiting] = deque()
        self._refused: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._is_ending = False
        self._thread: threading.Thread | None = None
        self._bytes = 0
        self._refused_bytes = 0
        self._checked_s = 0.0

    def start(self) -> None:
        """Begin to write. Once more does nothing."""
        if self._thread is None:
            self._is_ending = False
            self._thread = threading.Thread(target=self._run, name="webhook-writer", daemon=True)
            self._thread.start()

    async def put(self, item: Item) -> Written:
        """Return when this is committed; raises NotStored when it is not, or not soon enough."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop, loop.create_future())
        with self._changed:
            self._check_room(waiting)
            self._count(waiting, 1)
            (self._verified if waiting.is_verified else self._refused).append(waiting)
            self._changed.notify()
        try:
            async with asyncio.timeout(WITHIN_S):
                return await waiting.done
        except TimeoutError:
            raise NotStored from None

    def close(self) -> None:
        """Write what is left, and end the thread."""
        if self._thread is not None:
            with self._changed:
                self._is_ending = True
                self._changed.notify()
            self._thread.join(CLOSE_S)
            self._thread = None

    def _check_room(self, waiting: _Waiting) -> None:
        if len(self._verified) >= MOST_WAITING or self._bytes + waiting.size > MOST_WAITING_BYTES:
            raise NotStored
        is_full = len(self._refused) >= MOST_REFUSED or self._refused_bytes + waiting.size > MOST_REFUSED_BYTES
        if is_full and not waiting.is_verified:
            raise NotStored

    def _count(self, waiting: _Waiting, sign: int) -> None:
        """Count the bytes that are held, from when they are put until they are written: not until nobody waits."""
        self._bytes += sign * waiting.size
        if not waiting.is_verified:
            self._refused_bytes += sign * waiting.size

    def _run(self) -> None:
        try:
            while (batch := self._gathered()) is not None:
                self._write([waiting for waiting in batch if not waiting.done.done()])
                with self._changed:
                    for waiting in batch:
                        self._count(waiting, -1)
                del batch, waiting
        finally:
            connections.close_all()

    def _gathered(self) -> list[_Waiting] | None:
        """Wait for one, and take with it those that wait already. None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._verified or self._refused or self._is_ending)
            queue, most = (self._verified, BATCH) if self._verified else (self._refused, BATCH_REFUSED)
            batch: list[_Waiting] = []
            size = 0
            while queue and len(batch) < most and size < BATCH_BYTES:
                batch.append(queue.popleft())
                size += batch[-1].size
        return batch or None

    def _check_connection(self) -> None:
        """Have a connection that was lost opened anew, and PostgreSQL write to disk before it says it has committed.

        A server is asked once a second and after a failure: each question is a wait for every sender in the batch.
        SQLite's file is looked at each time, since a file that was moved away takes writes as before.
        """
        is_server = connection.vendor == "postgresql"
        if is_server and time.monotonic() - self._checked_s < CHECK_EVERY_S:
            return
        close_old_connections()
        if is_server:
            with connection.cursor() as cursor:
                cursor.execute(DURABLE)
        self._checked_s = time.monotonic()

    def _write(self, batch: Sequence[_Waiting], *, is_again: bool = False) -> None:
        if not batch:
            return
        try:
            self._check_connection()
            written = write([waiting.item for waiting in batch])
        except (OperationalError, InterfaceError) as failed:
            self._checked_s = 0.0
            if connection.vendor == "postgresql" and not is_again:  # the server may have been started anew since
                self._write(batch, is_again=True)
                return
            logger.warning("%d webhooks not stored: %s", len(batch), type(failed).__name__)
            _tell(batch, [None] * len(batch))
        except Exception as failed:  # noqa: BLE001 - whatever it was: its sender is told, and the thread goes on
            if len(batch) == 1:
                # Not the message: a database's may repeat what it was given.
                logger.error("webhook %s could not be stored: %s", batch[0].item.id, type(failed).__name__)
                _tell(batch, [None])
                return
            # One request that cannot be stored must not take the others with it.
            middle = len(batch) // 2
            self._write(batch[:middle])
            self._write(batch[middle:])
        else:
            _tell(batch, written)


def write(items: Sequence[Item]) -> list[Written]:
    """Store what was verified and what was refused in one transaction; return what came of each, in turn."""
    arrivals = [item for item in items if isinstance(item, Arrival)]
    refusals = [item for item in items if isinstance(item, Refusal)]
    with transaction.atomic():
        stored = iter(storing.write(arrivals) if arrivals else ())
        kept = iter(quarantine.write(refusals) if refusals else ())
    return [next(stored) if isinstance(item, Arrival) else next(kept) for item in items]


def _tell(batch: Sequence[_Waiting], written: Sequence[Written | None]) -> None:
    """Let the requests be answered, each in its own event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Written], Written | None]]] = {}
    for waiting, result in zip(batch, written, strict=True):
        by_loop.setdefault(waiting.loop, []).append((waiting.done, result))
    for loop, results in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, results)


def _resolve(results: Sequence[tuple[asyncio.Future[Written], Written | None]]) -> None:
    for done, result in results:
        if done.done():
            continue
        if result is None:
            done.set_exception(NotStored())
        else:
            done.set_result(result)
