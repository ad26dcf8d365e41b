"""Pages of calls by key, in both directions, that look at so many calls and no more.

A filter that no index answers ("DELETE, of all calls") may fit one call in a million. So a page walks along one index
in windows, each with the id at its far end, and ends when it is full or has looked at enough; it says where it stopped,
and the next page goes on from there. Nothing here reads further than the last window, however large the log is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast

from integrations.call_log.search.criteria import Criteria
from integrations.call_log.search.words import has_index
from secrets_vault.access import VisibleQuerySet
from secrets_vault.ids import id_at

PAGE_SIZE = 50
# Calls looked at, window by window: where each row must be read, and where the index holds what is asked.
ROWS = (1_000, 10_000, 35_000)
ENTRIES = (2_000, 400_000)
COUNTED_AMONG = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page, newest first. `older` and `newer` are the keys of the pages beside it, None where nothing is left.

    `reached` is set when looking stopped for length, not for want of calls: the id up to which was looked.
    """

    rows: list[Any]
    older: UUID | None = None
    newer: UUID | None = None
    reached: UUID | None = None
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class _Way:
    """In which direction a page is read."""

    order: str
    beyond: str
    upto: str


_OLDER = _Way("-pk", "pk__lt", "pk__gte")
_NEWER = _Way("pk", "pk__gt", "pk__lte")


def find(
    rows: VisibleQuerySet,
    wanted: Criteria,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    size: int = PAGE_SIZE,
) -> Found:
    """Return the page of `wanted` calls older than the id `after`, newer than `before`, or the newest of all."""
    way, key = (_NEWER, before) if before is not None else (_OLDER, after)
    if wanted.names_calls:
        ids, reached = _named(rows, wanted, way=way, key=key, most=size + 1), None
    else:
        ids, reached = _walk(wanted.in_time(rows), wanted, way=way, key=key, most=size + 1)
    has_more, ids = len(ids) > size, ids[:size]
    far = ids[-1] if has_more else reached
    found = {row.pk: row for row in rows.filter(pk__in=ids)}
    page = [found[pk] for pk in sorted(ids, reverse=True) if pk in found]
    if way is _OLDER:
        near = (page[0].pk if page else after) if after is not None else None
        return Found(rows=page, older=far, newer=near, reached=None if has_more else reached, is_first=after is None)
    is_first = far is None
    near = page[-1].pk if page else before
    return Found(rows=page, older=near, newer=far, reached=None if has_more else reached, is_first=is_first)


def nearest(rows: VisibleQuerySet, wanted: Criteria, moment: datetime, *, size: int = PAGE_SIZE) -> Found:
    """Return the calls around a moment, half a page later than it and half a page earlier."""
    edge = id_at(moment)  # smaller than every id of that moment, and no call's own
    later = find(rows, wanted, before=edge, size=size // 2)
    earlier = find(rows, wanted, after=edge, size=size // 2)
    both = [*later.rows, *earlier.rows]
    return Found(
        rows=both, older=earlier.older, newer=later.newer, reached=earlier.reached, is_first=later.newer is None
    )


def _walk(
    span: VisibleQuerySet, wanted: Criteria, *, way: _Way, key: UUID | None, most: int
) -> tuple[list[UUID], UUID | None]:
    """Return the ids that fit, up to `most`, and the id where looking stopped for length, or None."""
    ids: list[UUID] = []
    for window in windows_of(wanted):
        beyond = span if key is None else span.filter(**{way.beyond: key})
        edge = wanted.along(beyond).order_by(way.order).values_list("pk", flat=True)[window - 1 : window].first()
        within = beyond if edge is None else beyond.filter(**{way.upto: edge})
        ids += wanted.narrow(within).order_by(way.order).values_list("pk", flat=True)[: most - len(ids)]
        if edge is None or len(ids) >= most:
            return ids, None
        key = edge
    if wanted.has_words and has_index():
        rest = wanted.narrow(span.filter(**{way.beyond: key}))
        return ids + _by_words(rest, way=way, most=most - len(ids)), None
    return ids, key


def _named(rows: VisibleQuerySet, wanted: Criteria, *, way: _Way, key: UUID | None, most: int) -> list[UUID]:
    """Return the ids of the calls that either side calls so, each along its own index."""
    beyond = rows if key is None else rows.filter(**{way.beyond: key})
    ids = set(beyond.filter(pk=wanted.id).values_list("pk", flat=True)) if wanted.id is not None else set()
    if wanted.ref:
        ids |= set(beyond.filter(wanted.referred).order_by(way.order).values_list("pk", flat=True)[:most])
    return sorted(ids, reverse=way is _OLDER)[:most]


def windows_of(wanted: Criteria) -> tuple[int, ...]:
    """Return how many calls each window holds."""
    return ROWS if wanted.reads_rows else ENTRIES


def _by_words(rest: VisibleQuerySet, *, way: _Way, most: int) -> list[UUID]:
    """Return what the index of words finds in what is left.

    What the windows did not fill is rare. Sorted by a text that no index has, so that the planner cannot hope to walk
    along the ids until enough rare words have come by.
    """
    by = Cast("pk", TextField())
    ordered = rest.order_by(by.desc() if way is _OLDER else by.asc())
    return list(ordered.values_list("pk", flat=True)[:most])


def counted(found: Found, rows: VisibleQuerySet, wanted: Criteria, *, most: int) -> tuple[int, bool]:
    """Return what `count` does, of the first page `found`: one that has no more than it shows has counted already."""
    if found.older is None or found.reached is not None:
        return len(found.rows), found.older is None
    return count(rows, wanted, most=most)


def count(rows: VisibleQuerySet, wanted: Criteria, *, most: int) -> tuple[int, bool]:
    """Return how many calls fit, up to `most`, and whether that is all of them.

    Where rows must be read it counts among the newest ten thousand; calls that are named are counted of any age.
    """
    if wanted.names_calls:
        named = len(_named(rows, wanted, way=_OLDER, key=None, most=most))
        return named, named < most
    span = wanted.in_time(rows)
    edge = None
    if wanted.reads_rows:
        edges = wanted.along(span).order_by("-pk").values_list("pk", flat=True)
        edge = edges[COUNTED_AMONG - 1 : COUNTED_AMONG].first()
    within = span if edge is None else span.filter(pk__gte=edge)
    number: int = wanted.narrow(within).order_by("-pk")[:most].count()
    return number, edge is None and number < most
