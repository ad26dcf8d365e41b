"""The doorbell of forwarding, and the worker's side of it: the thread that hands on."""

from __future__ import annotations

import time
from datetime import datetime

from django.db import transaction

from integrations.models import WebhookDelivery
from integrations.webhooks import claiming, forwarder
from integrations.webhooks.forwarder import Forwarder
from integrations.worker_thread import WorkerThread

RING_EVERY_S = 0.5
STOP_WITHIN_S = 20.0
_rung_s = -RING_EVERY_S
_thread = WorkerThread(
    "webhook-forwarder", Forwarder, stop_within_s=STOP_WITHIN_S, ended="forwarding of webhooks ended"
)
start, stop, wake = _thread.start, _thread.stop, _thread.wake


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


def hand_on(now: datetime) -> int:
    """Return how many deliveries are due. For the sweep: where no forwarder runs in this process, they go now."""
    if _thread.see_to():
        return WebhookDelivery.objects.filter(claiming.is_open(), claiming.is_due(now)).count()
    if not claiming.targets_with_work(now).exists():
        return 0
    own = Forwarder()
    try:
        return own.run_until_idle(within_s=forwarder.LOOK_EVERY_S * 10)
    finally:
        own.stop()
        own.run()
