"""The places that calls went to, bounded: however many paths there are, a connection has few rows an hour."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from integrations.causes import path_template
from integrations.models import PathHour
from secrets_vault.masking.alike import holds_stand_in, outline

MOST_PLACES = 40
MAX_PATH = 200
OTHER = ("", "")
NOWHERE = (404, 405)  # a caller that tries paths at random takes no row from those that exist

Place = tuple[str, str]  # the method, and the path with ids folded
Hour = tuple[UUID, datetime]


class Places:
    """Which places of which connections have a row of their own in an hour. One per process.

    The first forty that answered have one, all others count as one. Each process begins with those that are in the
    table; of two that begin at once each may let forty in, so the bound is forty for each process.
    """

    def __init__(self) -> None:
        self._known: dict[Hour, set[Place]] = {}

    def learn(self, hours: Iterable[Hour]) -> None:
        """Read what is known of hours seen for the first time, in one query, and forget all that came before."""
        wanted = set(hours)
        new = wanted - set(self._known)
        if not new:
            return
        oldest = min(hour for _, hour in wanted)
        self._known = {key: places for key, places in self._known.items() if key[1] >= oldest}
        self._known.update({key: set() for key in new})
        rows = PathHour.objects.filter(connection_id__in={pk for pk, _ in new}, hour__in={at for _, at in new})
        for pk, hour, method, path in rows.values_list("connection_id", "hour", "method", "path"):
            self._known.setdefault((pk, hour), set()).add((method, path))

    def row_for(self, key: Hour, place: Place, *, is_there: bool) -> Place:
        """Return the place whose row counts a call: its own, or that of all others. `is_there`: it answered."""
        known = self._known[key]
        if place in known:
            return place
        if len(known) >= MOST_PLACES or not is_there:
            return OTHER
        known.add(place)
        return place


def place_of(method: str, masked_path: str) -> Place:
    """Return where a call went, from its masked path: without the query, every id as `{id}`."""
    path = masked_path.partition("?")[0]
    return method, _of_all_like(outline(path)) or _template(path)


@lru_cache(maxsize=4096)
def _of_all_like(kind: str | None) -> str:
    """Return the place of the paths of an outline, "" where an id is a part of it: then each is a place of its own."""
    template = path_template(kind)[:MAX_PATH] if kind is not None else ""
    return "" if holds_stand_in(template) else template


@lru_cache(maxsize=4096)
def _template(path: str) -> str:
    return path_template(path)[:MAX_PATH]
