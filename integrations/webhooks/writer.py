"""The thread that stores. Requests that arrive together share one transaction, and none is answered before its end.

While one transaction is written to disk the next one gathers, so the number of commits follows the disk and not the
number of requests. SQLite writes with `synchronous=FULL` (`config/env.py`), PostgreSQL with
`synchronous_commit`, whatever its server is set to.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
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
MOST_WAITING = 5_000
MOST_WAITING_BYTES = 256 * 1024 * 1024
WITHIN_S = 2.5
"""What a sender waits at most: Slack and Zoom give up after 3 s. One answered 503 may be stored all the same; then
the copy that it sends again is a duplicate."""
CLOSE_S = 15.0
DURABLE = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"

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
    def size(self) -> int:
        return len(self.item.request.body)


class Writer:
    """Takes what arrived from the event loop; one thread writes it in batches."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._bytes = 0

    def start(self) -> None:
        """Begin to write. Once more does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="webhook-writer", daemon=True)
            self._thread.start()

    async def put(self, item: Item) -> Written:
        """Return when this is committed; raises NotStored when it is not, or not soon enough."""
        size = len(item.request.body)
        if self._waiting.qsize() >= MOST_WAITING or self._bytes + size > MOST_WAITING_BYTES:
            raise NotStored
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Written] = loop.create_future()
        self._bytes += size
        self._waiting.put(_Waiting(item, loop, done))
        try:
            async with asyncio.timeout(WITHIN_S):
                return await done
        except TimeoutError:
            raise NotStored from None
        finally:
            self._bytes -= size

    def close(self) -> None:
        """Write what is left, and end the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(CLOSE_S)
            self._thread = None

    def _run(self) -> None:
        try:
            while (batch := self._gathered()) is not None:
                self._write(batch)
        finally:
            connections.close_all()

    def _gathered(self) -> list[_Waiting] | None:
        """Wait for one, and take with it all that wait already. None at the end."""
        first = self._waiting.get()
        if first is None:
            return None
        batch, size = [first], first.size
        while len(batch) < BATCH and size < BATCH_BYTES:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._waiting.put(None)
                break
            batch.append(more)
            size += more.size
        return [waiting for waiting in batch if not waiting.done.done()]

    def _write(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        try:
            close_old_connections()
            written = write([waiting.item for waiting in batch])
        except (OperationalError, InterfaceError) as failed:
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
        _insist_on_the_disk()
        stored = iter(storing.write(arrivals) if arrivals else ())
        kept = iter(quarantine.write(refusals) if refusals else ())
    return [next(stored) if isinstance(item, Arrival) else next(kept) for item in items]


def _insist_on_the_disk() -> None:
    """Have PostgreSQL write this transaction to disk before it says it is committed, also where its server is lax."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(DURABLE)


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
