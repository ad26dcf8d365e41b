"""How long calls are kept that were sent or discarded: as their client's calls are, and what was in them as long as
its bodies. What waits is kept, however old: it is not ours to lose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from integrations.call_log.keeping import Kept
from integrations.models import HeldCall, HeldRun
from secrets_vault.access import VisibleQuerySet

SLICE = 200
PAUSE_S = 0.05
SETTLED = (HeldCall.State.SENT, HeldCall.State.DISCARDED)
EMPTY: dict[str, None] = dict.fromkeys(HeldCall.BLOBS)


def forget(now: datetime, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Forget what has been kept long enough, in slices, so that nobody waits for it; return how many rows changed."""
    calls, bodies = Kept.calls(), Kept.bodies()
    count = 0
    for client_id in HeldCall.objects.order_by().values_list("client_id", flat=True).distinct():
        old, full = (timedelta(days=kept.days_of(client_id)) for kept in (calls, bodies))
        count += _forget_of(client_id, old=now - old, full=now - full, now=now, sleep=sleep)
    HeldRun.objects.filter(made_at__lt=now - timedelta(days=90), rows__isnull=True).delete()
    return count


def _forget_of(client_id: UUID, *, old: datetime, full: datetime, now: datetime, sleep: Callable[[float], None]) -> int:
    rows = HeldCall.objects.filter(client_id=client_id, state__in=SETTLED)
    ended = rows.filter(ended_at__lt=old)
    unread = rows.filter(forgotten_at=None, ended_at__lt=full)

    def empty(some: VisibleQuerySet) -> None:
        some.update(**EMPTY, callback_sealed=None, callback_at=None, forgotten_at=now)

    return _in_slices(ended, lambda some: some.delete(), sleep=sleep) + _in_slices(unread, empty, sleep=sleep)


def _in_slices(
    rows: VisibleQuerySet, act: Callable[[VisibleQuerySet], object], *, sleep: Callable[[float], None]
) -> int:
    done = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:SLICE]):
        with transaction.atomic():
            act(HeldCall.objects.filter(pk__in=ids))
        done += len(ids)
        if len(ids) < SLICE:
            break
        sleep(PAUSE_S)
    return done
