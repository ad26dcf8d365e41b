"""A thread of the worker that works until it is told to stop. Where it broke, its sweep starts it again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from django.db import connections

logger = logging.getLogger(__name__)


class Work(Protocol):
    """What runs in the thread."""

    def run(self) -> None:
        """Work until `stop`."""

    def stop(self) -> None:
        """Begin nothing new."""

    def wake(self) -> None:
        """Look at once."""


class WorkerThread:
    """The one thread of its kind in this process. `make` gives its work, `ended` is what the log says if it broke."""

    def __init__(self, name: str, make: Callable[[], Work], *, stop_within_s: float, ended: str) -> None:
        self._name, self._make, self._stop_within_s, self._ended = name, make, stop_within_s, ended
        self._running: Work | None = None
        self._thread: threading.Thread | None = None
        self._is_worker = False

    def start(self) -> None:
        """Begin. For the worker."""
        self._is_worker = True
        if self._running is None:
            self._running = self._make()
            self._thread = threading.Thread(target=self._run, args=(self._running,), name=self._name)
            self._thread.start()

    def stop(self) -> None:
        """Begin nothing new, and wait for what is under way to be written down."""
        self._is_worker = False
        if self._running is not None and self._thread is not None:
            self._running.stop()
            self._thread.join(self._stop_within_s)
            self._running = self._thread = None

    def wake(self) -> bool:
        """Have it look at once; tell whether this process has one."""
        if self._running is None:
            return False
        self._running.wake()
        return True

    def see_to(self) -> bool:
        """Wake it, begun anew in the worker where it ended; tell whether this process has one. For the sweep."""
        if self._is_worker and self._running is None:
            self.start()
        return self.wake()

    def _run(self, running: Work) -> None:
        try:
            running.run()
        except Exception:  # whatever broke: what was under way keeps its lease, and the sweep starts a thread again
            logger.exception(self._ended)
            if self._running is running:
                self._running = None
        finally:
            connections.close_all()
