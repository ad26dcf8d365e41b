"""Notices that this machine's clock was set, and remembers it for people to see.

Nothing rests on it: deadlines are on the monotonic clock, and a lease or due date further ahead than
we ever set one counts as over. But dates written in between are wrong, and a person should know why.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from integrations.models import Sweep
from secrets_vault.models import InstallationSetting

logger = logging.getLogger(__name__)

SETTING = "clock.set"
LEAST_S = 60.0
SHOWN_FOR = timedelta(days=2)
# The monotonic clock of Linux stands still while a laptop sleeps; this one does not.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class ClockSet:
    """When the clock was set, by the new time, and by how many seconds: below 0 when it was put back."""

    at: datetime
    by_s: int

    @property
    def length_s(self) -> int:
        """Return by how many seconds, either way."""
        return abs(self.by_s)


class Watch:
    """How far the wall clock is ahead of one that nobody sets, as it was at the last look of this process."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    def look(self, ahead_s: float) -> float | None:
        """Return by how many seconds the clock was set since the last look; None at the first."""
        before, self._ahead_s = self._ahead_s, ahead_s
        return None if before is None else ahead_s - before


_watch = Watch()


def ahead_s() -> float:
    """Return how far the wall clock is ahead of the steady one now."""
    return time.time() - time.clock_gettime(_STEADY)


def look(now: datetime, *, watch: Watch = _watch) -> int:
    """Note whether the clock was set since the last look; return how often, 0 or 1. For the sweep."""
    by_s = watch.look(ahead_s())
    if by_s is None:
        by_s = _put_back_while_away(now)
    if abs(by_s) < LEAST_S:
        return 0
    logger.warning("the clock of this machine was set", extra={"by_s": round(by_s)})
    value = {"at": now.isoformat(), "by_s": round(by_s)}
    InstallationSetting.objects.update_or_create(key=SETTING, defaults={"value": value})
    return 1


def _put_back_while_away(now: datetime) -> float:
    """Return how far a sweep of an earlier process is ahead of now, below 0; 0 when none is."""
    newest = Sweep.objects.aggregate(newest=Max("finished_at"))["newest"]
    return min(0.0, (now - newest).total_seconds()) if newest else 0.0


def lately_set(now: datetime) -> ClockSet | None:
    """Return how the clock was last set, when that was within two days."""
    row = InstallationSetting.objects.filter(key=SETTING).first()
    if row is None:
        return None
    found = ClockSet(datetime.fromisoformat(row.value["at"]), row.value["by_s"])
    return found if abs(now - found.at) < SHOWN_FOR else None
