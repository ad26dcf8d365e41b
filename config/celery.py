"""The Celery app and its timetable. A message is a doorbell: the work is in tables."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import Celery, Task, signals
from celery.schedules import schedule
from django.db import transaction

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

logger = logging.getLogger(__name__)

QUIET_AFTER_FAILURE_S = 10.0
WAITING_BELLS = 1000
RING_EVERY_S = 10.0


class Ringer:
    """Sends messages from a thread of its own, so that a slow or absent broker delays no caller.

    It fails open, because nothing rests on a message: after a failure it drops what comes
    for ten seconds, and the sweep finds the work in the tables.
    """

    def __init__(self) -> None:
        self._bells: queue.Queue[tuple[Task, tuple[Any, ...]]] = queue.Queue(WAITING_BELLS)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._quiet_until = 0.0

    def ring(self, task: Task, args: tuple[Any, ...]) -> None:
        """Have a message sent soon, or dropped when the broker is out of order."""
        self._start()
        try:
            self._bells.put_nowait((task, args))
        except queue.Full:
            logger.warning("doorbell dropped, too many are waiting", extra={"task": task.name})

    def is_idle(self) -> bool:
        """Tell whether every ring has been sent or dropped."""
        return self._bells.unfinished_tasks == 0

    def _start(self) -> None:
        """Start the thread once; a forked process starts its own."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_all, name="doorbell", daemon=True)
                self._thread.start()

    def _send_all(self) -> None:
        while True:
            task, args = self._bells.get()
            if time.monotonic() >= self._quiet_until:
                self._send(task, args)
            self._bells.task_done()

    def _send(self, task: Task, args: tuple[Any, ...]) -> None:
        try:
            task.apply_async(args, retry=False)
        except Exception as problem:  # noqa: BLE001  # a broker may fail in any way; the sweep is the safety
            self._quiet_until = time.monotonic() + QUIET_AFTER_FAILURE_S
            logger.warning("doorbell not sent", extra={"task": task.name, "problem": type(problem).__name__})


ringer = Ringer()


class Doorbell(Task):
    """The base of every task: `refresh.ring(connection_id)` asks for it soon, after the transaction commits."""

    def ring(self, *args: Any) -> None:
        """Ask a worker to do this soon. Returns at once and never raises."""
        transaction.on_commit(lambda: ringer.ring(self, args), robust=True)


@signals.setup_logging.connect
def leave_logging_alone(**_signal: Any) -> None:
    """Keep Django's LOGGING in worker and beat: a receiver here stops Celery from putting its own, unmasked, on top."""


_started_at, _started_s = datetime.now(UTC), time.monotonic()


def steady_now() -> datetime:
    """Return the time by a clock that nobody sets: what it was at our start, and the seconds since then.

    Beat reckons with it. By the wall clock it would wait for two days when that is put back by two days.
    """
    return _started_at + timedelta(seconds=time.monotonic() - _started_s)


app = Celery("keylodge", task_cls=Doorbell)
app.config_from_object("django.conf:settings", namespace="CELERY")
# Beat only rings. What is due, and when it last ran, is in the table of sweeps; a late ring is worth nothing.
app.conf.beat_schedule = {
    "tick": {
        "task": "integrations.tasks.tick",
        "schedule": schedule(RING_EVERY_S, nowfun=steady_now),
        "options": {"expires": RING_EVERY_S},
    }
}
app.autodiscover_tasks(["integrations"])
