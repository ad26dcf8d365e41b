"""The worker's side of the queue: the thread that makes held calls, and the sweep that sees that it runs."""

from __future__ import annotations

from datetime import datetime

from integrations.gateway.held import lanes
from integrations.gateway.held.replaying import STOP_WITHIN_S, Replayer
from integrations.worker_thread import WorkerThread

_thread = WorkerThread(
    "held-calls", Replayer, stop_within_s=STOP_WITHIN_S + 5.0, ended="the thread of held calls ended"
)
start, stop = _thread.start, _thread.stop


def see_to(now: datetime) -> int:
    """Return how many lanes may go. For the sweep: where no thread runs in the worker, one is begun."""
    _thread.see_to()
    return lanes.ready(now).count()
