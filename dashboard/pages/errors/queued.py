"""How many calls of an error wait to be made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dashboard.counting import MOST_COUNTED
from integrations.models import Call, HeldCall
from integrations.models.held import OPEN_STATES

if TYPE_CHECKING:
    from secrets_vault.models import User


def count_queued(groups: Iterable[Any], user: User) -> None:
    """Give each group `queued`, the calls of it that wait: a held call keeps the request id of the one that failed.

    Counted among the newest thousand that wait on these connections.
    """
    shown = list(groups)
    mine = HeldCall.objects.visible_to(user).filter(connection_id__in={group.connection_id for group in shown})
    held = list(mine.filter(state__in=OPEN_STATES).order_by("-pk").values_list("pk", flat=True)[:MOST_COUNTED])
    failed = Call.objects.visible_to(user).filter(pk__in=held) if held else Call.objects.none()
    waiting: Counter[UUID | None] = Counter(failed.order_by().values_list("group_id", flat=True))
    for group in shown:
        group.queued = waiting[group.pk]
