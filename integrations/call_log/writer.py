"""The thread that masks and writes. A call hands over its record and is done."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Mapping
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError, close_old_connections, connections

from integrations.call_log.known import ClientValues
from integrations.call_log.record import CallRecord
from integrations.call_log.rows import CallRow, masked_row
from integrations.call_log.tables import Uses, write_batch
from secrets_vault.errors import VaultError
from secrets_vault.masking.known import KnownValues

logger = logging.getLogger(__name__)

BATCH = 500
SLICE = 32  # rows masked in one go: about a millisecond
PAUSE_S = 0.0001  # long enough for the event loop to wake and take the interpreter; zero is not
WITHIN_S = 0.2
USES_EVERY_S = 1.0
MOST_WAITING_BYTES = 32 * 1024 * 1024
EASE_S, EASE_TIMES = 0.01, 25
RETRY_S = 1.0
TOLD_EVERY_S = 60.0
CLOSE_S = 15.0

_END = object()


class CallWriter:
    """Takes records from any thread or event loop; one thread writes them in batches."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._client_values = ClientValues()
        self._uses = Uses.none()
        self._uses_written_at = 0.0
        self._is_closing = threading.Event()
        self._hurry = threading.Event()
        self._counting = threading.Lock()
        self._put_bytes = 0  # of all that was accepted, ever
        self._done_bytes = 0  # of all that is written or given up; only the writer's thread adds to it
        self._is_stuck = False
        self.dropped = 0
        self._told_dropped = 0
        self._told_at = -TOLD_EVERY_S

    def start(self) -> None:
        """Begin to write. Once more does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="call-log", daemon=True)
            self._thread.start()

    def put(self, record: CallRecord) -> None:
        """Accept a record: it is on disk within a second. Never blocks.

        With 32 MB waiting, as when the database is away for long, the newest records are dropped, counted and told:
        the log gives way before the gateway does.
        """
        weight = record.weight
        with self._counting:
            if self._put_bytes + weight - self._done_bytes > MOST_WAITING_BYTES:
                self.dropped += 1
                return
            self._put_bytes += weight
        self._waiting.put(record)
        if self._waiting.qsize() == BATCH:
            self._hurry.set()

    @property
    def is_behind(self) -> bool:
        """Tell whether calls come faster than they are written, and half of the room for them is taken.

        While the database is away it says no: slower calls would not bring it back.
        """
        return self._put_bytes - self._done_bytes > MOST_WAITING_BYTES // 2 and not self._is_stuck

    async def ease(self) -> None:
        """Wait until the writer has caught up, a quarter of a second at most: what comes in slows down a little."""
        for _ in range(EASE_TIMES):
            if not self.is_behind:
                return
            await asyncio.sleep(EASE_S)

    def flush(self) -> None:
        """Return when everything accepted so far has been written."""
        done = threading.Event()
        self._waiting.put(done)
        self._hurry.set()
        done.wait(CLOSE_S)

    def close(self) -> None:
        """Write what is left, and end the thread."""
        if self._thread is not None:
            self._is_closing.set()
            self._waiting.put(_END)
            self._hurry.set()
            self._thread.join(CLOSE_S)
            self._thread = None

    def _run(self) -> None:
        is_ending = False
        try:
            while not is_ending:
                records, flushed, is_ending = self._gathered()
                try:
                    self._write(records)
                    self._write_uses(is_due=is_ending or bool(flushed))
                except Exception:  # nobody starts this thread again: one batch may be lost, the log may not end with it
                    logger.exception("calls are missing from the log: a batch broke", extra={"rows": len(records)})
                self._done_bytes += sum(record.weight for record in records)
                self._tell_dropped(is_due=is_ending)
                for event in flushed:
                    event.set()
        finally:
            connections.close_all()

    def _gathered(self) -> tuple[list[CallRecord], list[threading.Event], bool]:
        """Wait for a batch: full, or 200 ms after its first record.

        Between the first and the last this thread sleeps: woken by every record, it would take the interpreter away
        from the event loop once a call.
        """
        records: list[CallRecord] = []
        try:
            item = self._waiting.get(timeout=USES_EVERY_S)
            if isinstance(item, CallRecord) and self._waiting.qsize() < BATCH:
                self._hurry.wait(WITHIN_S)
            self._hurry.clear()
            while True:
                if isinstance(item, threading.Event):
                    return records, [item], False
                if not isinstance(item, CallRecord):
                    return records, [], True
                records.append(item)
                if len(records) == BATCH:
                    break
                item = self._waiting.get_nowait()
        except queue.Empty:
            pass
        return records, [], False

    def _write(self, records: list[CallRecord]) -> None:
        if not records:
            return
        known = self._known_to(records)
        if known is None:
            return
        self._write_pairs(_masked(records, known))
        for record in records:
            self._uses.add(record)

    def _known_to(self, records: list[CallRecord]) -> dict[UUID, KnownValues] | None:
        """Return the values to cover, by client; wait while the database is away. None when closing meanwhile."""
        while True:
            try:
                close_old_connections()
                known = self._client_values.of(record.client_id for record in records)
            except (DatabaseError, VaultError):
                logger.exception("call log not written, trying again", extra={"rows": len(records)})
                self._is_stuck = True
                if self._is_closing.wait(RETRY_S):
                    return None
            else:
                self._client_values.trim()
                return known

    def _write_pairs(self, pairs: list[tuple[CallRecord, CallRow]]) -> None:
        """Write a batch; while the database is away, again and again."""
        while pairs:
            try:
                close_old_connections()
                write_batch([record for record, _ in pairs], [row for _, row in pairs])
                self._is_stuck = False
                return
            except Exception as error:  # what one row of a batch breaks must not end the log
                if _may_pass(error):
                    logger.exception("call log not written, trying again", extra={"rows": len(pairs)})
                    self._is_stuck = True
                    if self._is_closing.wait(RETRY_S):
                        return
                    continue
                if len(pairs) == 1:
                    logger.exception("a call could not be logged", extra={"call": str(pairs[0][0].id)})
                    return
                # One row that cannot be stored must not take the others with it.
                self._write_pairs(pairs[: len(pairs) // 2])
                pairs = pairs[len(pairs) // 2 :]

    def _tell_dropped(self, *, is_due: bool) -> None:
        """Say how many calls have gone missing from the log since this was said, once a minute and at the end."""
        dropped, now = self.dropped, time.monotonic()
        if dropped > self._told_dropped and (is_due or now - self._told_at >= TOLD_EVERY_S):
            lost, self._told_dropped, self._told_at = dropped - self._told_dropped, dropped, now
            logger.error("calls are missing from the log: too many waited to be written", extra={"rows": lost})

    def _write_uses(self, *, is_due: bool) -> None:
        if not is_due and time.monotonic() - self._uses_written_at < USES_EVERY_S:
            return
        try:
            self._uses.write()
            self._uses = Uses.none()
        except DatabaseError:
            logger.warning("use counts not written, trying again with the next batch")
        self._uses_written_at = time.monotonic()


def _may_pass(error: Exception) -> bool:
    """Tell whether the database is to blame, as while it is away, and not what was to be written."""
    return isinstance(error, DatabaseError) and not isinstance(error, DataError | IntegrityError)


def _masked(records: list[CallRecord], known: Mapping[UUID, KnownValues]) -> list[tuple[CallRecord, CallRow]]:
    """Return the records with their rows, in slices: the event loop shares the interpreter, and waits for none long."""
    made: list[tuple[CallRecord, CallRow]] = []
    for number, record in enumerate(records, start=1):
        row = _row_or_none(record, known)
        if row is not None:
            made.append((record, row))
        if number % SLICE == 0:
            time.sleep(PAUSE_S)
    return made


def _row_or_none(record: CallRecord, known: Mapping[UUID, KnownValues]) -> CallRow | None:
    """Return the masked row. A record that cannot become one is told by its id, and must not stop the others."""
    try:
        return masked_row(record, known[record.client_id])
    except Exception:
        logger.exception("a call could not be logged", extra={"call": str(record.id)})
        return None
