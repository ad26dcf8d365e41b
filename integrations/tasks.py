"""Doorbells. A task loads nothing but the timetable, and a lost one costs ten seconds."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from integrations import sweeps, timetable  # noqa: F401  the timetable enters itself
from integrations.webhooks import forwarding


@shared_task(ignore_result=True, expires=60)
def tick() -> None:
    """Run what is due. `tick.ring()` asks for it after the commit; beat asks every ten seconds."""
    sweeps.tick(timezone.now())


@shared_task(ignore_result=True, expires=60)
def forward() -> None:
    """Wake the thread that hands webhooks on. Without it they would go two seconds later."""
    forwarding.wake()
