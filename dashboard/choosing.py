"""Which rows of a list were ticked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from dashboard.render import PageRequest

MOST = 200


def chosen_ids(request: PageRequest) -> list[UUID]:
    """Return the ids that were ticked, at most two hundred; what is no id is passed over."""
    ids = []
    for text in request.POST.getlist("chosen")[:MOST]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    return ids
