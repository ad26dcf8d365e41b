"""Hands on what is due, many at once, from one thread: it claims, lets the sender send, and writes down what came back.

The thread alone uses the database. A target that hangs holds a few places of many, so it stops no other.
"""

from __future__ import annotations

import logging
import queue
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections

from integrations.errors import IntegrationError
from integrations.models import WebhookDelivery, WebhookEvent
from integrations.outbound import allowed_private_hosts
from integrations.webhooks import claiming, recording
from integrations.webhooks.claiming import Room
from integrations.webhooks.destinations import Destination, Destinations
from integrations.webhooks.outcome import Outcome
from integrations.webhooks.outgoing import NotPrepared, Outgoing, prepared
from integrations.webhooks.recording import Result
from integrations.webhooks.sender import Sender
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

IN_FLIGHT = 192
IN_FLIGHT_BYTES = 128 * 1024 * 1024
BATCH = 48
GATHER_S = 0.03
"""Answers that come so close together are written down in one transaction: on SQLite the inlet waits for each."""
LOOK_EVERY_S = 2.0
LOOK_SOON_S = 0.2
BUSY_FOR_S = 1.0
RENEW_EVERY_S = 15.0
PUT_OFF = timedelta(minutes=1)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _UnderWay:
    delivery: WebhookDelivery
    destination: Destination
    size: int
    began_at: datetime
    future: Future[Outcome]


class Forwarder:
    """The forwarding of one process. `clock`, `chance` and `sender` are what a test decides instead."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        chance: Callable[[], float] = random.random,
        sender: Sender | None = None,
        gather_s: float = GATHER_S,
    ) -> None:
        self._clock, self._chance, self._gather_s = clock, chance, gather_s
        self._sender = sender or Sender()
        self._destinations = Destinations()
        self._under_way: dict[Any, _UnderWay] = {}
        self._unwritten: list[Result] = []
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._is_stopping = False
        self._renewed_s = time.monotonic()
        self._busy_until_s = 0.0

    def wake(self) -> None:
        """Have it look at once. From any thread."""
        self._inbox.put(None)

    def stop(self) -> None:
        """Have `run` return soon: it takes nothing new and waits for what is under way. From any thread."""
        self._is_stopping = True
        self._inbox.put(None)

    def run(self) -> None:
        """Hand on until stopped. A database that is away for a while stops nothing for good."""
        while not (self._is_stopping and not self._under_way and not self._unwritten):
            try:
                close_old_connections()
                claimed = 0 if self._is_stopping else self.claim()
            except DatabaseError:
                logger.warning("webhooks not handed on, trying again", exc_info=True)
                claimed = 0
            self._wait(claimed)
            self._write()
        self._sender.close()

    def run_until_idle(self, *, within_s: float = 60.0) -> int:
        """Hand on what is due now and whatever becomes due meanwhile; return how many tries were made."""
        ends_s, count = time.monotonic() + within_s, 0
        while time.monotonic() < ends_s:
            claimed = self.claim()
            count += claimed
            if not claimed and not self._under_way and not self._unwritten:
                break
            if self._under_way:
                self._wait(0)
            self._write()
        return count

    def claim(self) -> int:
        """Take what there is room for and begin to send it; return how many."""
        held = self._under_way.values()
        room = Room(
            requests=min(BATCH, IN_FLIGHT - len(held)),
            bytes=IN_FLIGHT_BYTES - sum(each.size for each in held),
            busy=Counter(each.delivery.target_id for each in held),
        )
        claimed = claiming.claim(room, now=self._clock())
        if claimed:
            allowed = allowed_private_hosts()
            for delivery in claimed:
                self._begin(delivery, allowed=allowed)
        return len(claimed)

    def _begin(self, delivery: WebhookDelivery, *, allowed: frozenset[str]) -> None:
        """Open what is needed and begin to send. One that cannot be opened never holds up the rest."""
        now = self._clock()
        try:
            destination, request = prepared(delivery, self._destinations, now=now)
        except NotPrepared as cannot:
            self._unwritten.append(Result(delivery, Outcome(error=cannot.code), now))
        except (DatabaseError, VaultError, WebhookEvent.DoesNotExist) as failed:
            # Our vault is not open, or the event was deleted a moment ago: no fault of the target or the event.
            logger.warning("a webhook was put off", extra={"error": type(failed).__name__})
            claiming.give_back([delivery], now=now, until=now + PUT_OFF)
        else:
            self._send(delivery, destination, request, allowed=allowed)

    def _send(
        self, delivery: WebhookDelivery, destination: Destination, request: Outgoing, *, allowed: frozenset[str]
    ) -> None:
        future = self._sender.send(request, allowed=allowed)
        key = (delivery.pk, delivery.lease_owner)
        self._under_way[key] = _UnderWay(delivery, destination, len(request.body), self._clock(), future)
        future.add_done_callback(lambda _: self._inbox.put(key))

    def _wait(self, claimed: int) -> None:
        """Wait for a bell or an answer, or until it is time to look; take all that came with it."""
        now_s = time.monotonic()
        if claimed:
            self._busy_until_s = now_s + BUSY_FOR_S
        pause_s = 0.0 if claimed >= BATCH else LOOK_SOON_S if now_s < self._busy_until_s else LOOK_EVERY_S
        try:
            self._take(self._inbox.get(timeout=pause_s) if pause_s else self._inbox.get_nowait())
            ends_s = time.monotonic() + (self._gather_s if self._unwritten else 0.0)
            while (left_s := ends_s - time.monotonic()) > 0:
                self._take(self._inbox.get(timeout=left_s))
            while True:
                self._take(self._inbox.get_nowait())
        except queue.Empty:
            return

    def _take(self, key: Any) -> None:
        if key is None:
            self._busy_until_s = time.monotonic() + BUSY_FOR_S
            return
        over = self._under_way.pop(key)
        self._unwritten.append(Result(over.delivery, _outcome(over), over.began_at, over.destination.masker))

    def _write(self) -> None:
        """Write down what is over, and keep the leases of what is not."""
        try:
            if self._unwritten:
                self._record(self._unwritten)
                self._unwritten = []
            if self._under_way and time.monotonic() - self._renewed_s > RENEW_EVERY_S:
                self._renewed_s = time.monotonic()
                claiming.renew([each.delivery for each in self._under_way.values()], now=self._clock())
        except (OperationalError, InterfaceError):
            # Kept, and written later; if that comes to nothing, the lease ends and the event goes again.
            logger.warning("outcomes of webhooks not written, trying again", exc_info=True)
            self._unwritten = self._unwritten[-IN_FLIGHT * 4 :]

    def _record(self, results: list[Result]) -> None:
        """Write several at once. One that cannot be written must not keep the others from it."""
        try:
            recording.record(results, now=self._clock(), chance=self._chance)
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError:
            if len(results) == 1:
                logger.exception("what came of a webhook cannot be written")
                return
            for each in results:
                self._record([each])


def _outcome(over: _UnderWay) -> Outcome:
    """Return what came of a request. A fault of our own counts as an unreachable target: it is tried again."""
    try:
        return over.future.result(timeout=0)
    except (IntegrationError, OSError, RuntimeError, ValueError) as fault:
        logger.exception("a webhook was not sent", extra={"delivery": str(over.delivery.pk)}, exc_info=fault)
        return Outcome(error="upstream_unreachable")
