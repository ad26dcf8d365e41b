"""The timetable of background work. The rows are the jobs; a message to the worker is only a doorbell.

A worker claims a sweep by one conditional update on its lease, so any number of
workers may ring at once. While it works it renews the lease; one that dies leaves
a lease that runs out within a minute.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING

from django.db import DatabaseError, IntegrityError, connections, transaction

from integrations import wall_clock
from integrations.models import Sweep

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

logger = logging.getLogger(__name__)

LEASE_S = 60
RENEW_EVERY_S = 15.0
SKEW = timedelta(minutes=1)  # a time further ahead than it can be was written by a clock that has since been put back
QUIET_AFTER = timedelta(minutes=5)
Work = Callable[[datetime], int]


@dataclass(frozen=True)
class Timetable:
    """One kind of background work: how often, and what it does. `work(now)` returns how many it did."""

    every_s: int
    work: Work
    words: StrOrPromise


TIMETABLE: dict[str, Timetable] = {}


def sweep(name: str, *, every_s: int, words: StrOrPromise) -> Callable[[Work], Work]:
    """Enter a function in the timetable under a name that never changes."""

    def enter(work: Work) -> Work:
        TIMETABLE[name] = Timetable(every_s, work, words)
        return work

    return enter


def tick(now: datetime) -> list[str]:
    """Run every sweep that is due and free; return their names. A failing one does not stop the rest."""
    _make_missing_rows(now)
    owner = token_hex(8)
    ran = []
    for name, entry in TIMETABLE.items():
        if _claim(name, entry, owner=owner, now=now):
            _run(name, entry, owner=owner, now=now)
            ran.append(name)
    return ran


def _make_missing_rows(now: datetime) -> None:
    known = set(Sweep.objects.values_list("name", flat=True))
    for name, entry in TIMETABLE.items():
        if name not in known:
            try:
                with transaction.atomic():
                    Sweep.objects.create(name=name, every_s=entry.every_s, due_at=now)
            except IntegrityError:
                continue


def _claim(name: str, entry: Timetable, *, owner: str, now: datetime) -> bool:
    """Take the lease."""
    every, lease = timedelta(seconds=entry.every_s), timedelta(seconds=LEASE_S)
    is_due = wall_clock.has_come("due_at", now, at_most=every, skew=SKEW)
    is_free = wall_clock.is_free("lease_until", now, lease=lease, skew=SKEW)
    row = Sweep.objects.filter(is_due, is_free, name=name)
    lease_until = now + lease
    return bool(row.update(lease_owner=owner, lease_until=lease_until, started_at=now, every_s=entry.every_s))


def _run(name: str, entry: Timetable, *, owner: str, now: datetime) -> None:
    done, error_code = 0, ""
    try:
        with renewed(name, owner=owner, now=now):
            done = entry.work(now)
    except Exception as failed:
        error_code = type(failed).__name__
        logger.exception("sweep failed", extra={"sweep": name})
    fields: dict[str, object] = {
        "due_at": now + timedelta(seconds=entry.every_s),
        "lease_until": None,
        "finished_at": now,
        "done": done,
        "error_code": error_code,
    }
    if not error_code:
        fields["ok_at"] = now
    Sweep.objects.filter(name=name, lease_owner=owner).update(**fields)


@contextmanager
def renewed(name: str, *, owner: str, now: datetime, every_s: float = RENEW_EVERY_S) -> Iterator[None]:
    """Keep the lease of a sweep while the body runs, from a thread of its own."""
    is_over, began = threading.Event(), time.monotonic()

    def renew() -> None:
        while not is_over.wait(every_s):
            until = now + timedelta(seconds=time.monotonic() - began + LEASE_S)
            try:
                Sweep.objects.filter(name=name, lease_owner=owner).update(lease_until=until)
            except DatabaseError:
                logger.warning("lease not renewed", extra={"sweep": name})
            finally:
                connections.close_all()

    thread = threading.Thread(target=renew, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def last_runs(now: datetime) -> tuple[datetime | None, set[str]]:
    """Return when any sweep last ended, and how those failed that failed when they last ran, in one query."""
    rows = list(Sweep.objects.order_by().values_list("finished_at", "error_code"))
    ended = [at for at, _ in rows if at is not None and at <= now + SKEW]
    return max(ended, default=None), {code for _, code in rows if code}


def is_quiet(now: datetime) -> bool:
    """Tell whether no sweep has ended for five minutes: then the worker is not running."""
    newest, _ = last_runs(now)
    return newest is None or now - newest > QUIET_AFTER


def hurry(name: str, *, now: datetime) -> None:
    """Make one sweep due now; the next tick runs it."""
    Sweep.objects.filter(name=name).update(due_at=now)
