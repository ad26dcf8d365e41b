"""The doorbell of forwarding, and the worker's side of it: the thread that hands on."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime

from django.db import connections, transaction

from integrations.models import WebhookDelivery
from integrations.webhooks import claiming, forwarder
from integrations.webhooks.forwarder import Forwarder

logger = logging.getLogger(__name__)

RING_EVERY_S = 0.5
STOP_WITHIN_S = 20.0
_rung_s = -RING_EVERY_S
_running: Forwarder | None = None
_thread: threading.Thread | None = None
_is_worker = False


def ring() -> None:
    """Ask the worker to look, once this transaction has committed. Returns at once and never raises.

    A bell that is lost, or left out because one rang a moment ago, costs two seconds: the worker also looks by itself.
    """
    transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    from integrations.tasks import forward  # the timetable imports this room

    global _rung_s
    now_s = time.monotonic()
    if now_s - _rung_s >= RING_EVERY_S:
        _rung_s = now_s
        forward.ring()


def start() -> None:
    """Begin to hand on, in a thread of this process. For the worker."""
    global _running, _thread, _is_worker
    _is_worker = True
    if _running is None:
        _running = Forwarder()
        _thread = threading.Thread(target=_run, args=(_running,), name="webhook-forwarder")
        _thread.start()


def stop() -> None:
    """Take nothing new, and wait for what is under way to be written down."""
    global _running, _thread, _is_worker
    _is_worker = False
    if _running is not None and _thread is not None:
        _running.stop()
        _thread.join(STOP_WITHIN_S)
        _running = _thread = None


def wake() -> bool:
    """Have this process's forwarder look at once; tell whether there is one."""
    if _running is None:
        return False
    _running.wake()
    return True


def hand_on(now: datetime) -> int:
    """Return how many deliveries are due. For the sweep: where no forwarder runs in this process, they go now."""
    if _is_worker and _running is None:
        start()
    if wake():
        return WebhookDelivery.objects.filter(claiming.is_open(), claiming.is_due(now)).count()
    if not claiming.targets_with_work(now).exists():
        return 0
    own = Forwarder()
    try:
        return own.run_until_idle(within_s=forwarder.LOOK_EVERY_S * 10)
    finally:
        own.stop()
        own.run()


def _run(running: Forwarder) -> None:
    try:
        running.run()
    except Exception:  # whatever broke: what was under way keeps its lease, and the sweep starts a thread again
        logger.exception("forwarding of webhooks ended")
        _forget(running)
    finally:
        connections.close_all()


def _forget(running: Forwarder) -> None:
    global _running
    if _running is running:
        _running = None
