"""Pages of a long list by keyset: the last row's key instead of an OFFSET, so that page 900 costs what page 1 does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

PAGE_SIZE = 50


@dataclass(frozen=True)
class Page[Row: "Model"]:
    """Some rows of a list; `after` is the key with which the next page starts, empty at the end.

    `before` is the key of the page before this one, where the list can be read that way too.
    """

    rows: list[Row]
    after: str
    is_first: bool
    before: str = ""

    @property
    def has_more(self) -> bool:
        """Tell whether rows follow."""
        return bool(self.after)

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def page_of[Row: "Model"](
    rows: QuerySet[Row], request: HttpRequest, *, by: str = "-pk", size: int = PAGE_SIZE, name: str = "after"
) -> Page[Row]:
    """Return the page of `rows` that `?after=` asks for.

    `by` is one unique, indexed column, with "-" for newest first. A key that is not one (a typed
    or an old address) gives the first page.
    """
    column, compare = by.lstrip("-"), "lt" if by.startswith("-") else "gt"
    after = request.GET.get(name, "")
    ordered = rows.order_by(by)
    is_first = True
    if after:
        try:
            ordered, is_first = ordered.filter(**{f"{column}__{compare}": after}), False
        except (ValidationError, ValueError, TypeError):
            after = ""
    found = list(ordered[: size + 1])
    next_key = str(getattr(found[size - 1], column)) if len(found) > size else ""
    return Page(rows=found[:size], after=next_key, is_first=is_first)


def page_by_time[Row: "Model"](
    rows: QuerySet[Row], request: HttpRequest, *, column: str, size: int = PAGE_SIZE, name: str = "after"
) -> Page[Row]:
    """Return the page that `?after=` asks for, newest first by a time that several rows may share.

    The key is the time and the id of the last row: "2026-11-21T14:03:07.112+00:00_0193…".
    """
    ordered, is_first = rows.order_by(f"-{column}", "-pk"), True
    at, _, pk = request.GET.get(name, "").partition("_")
    if at:
        try:
            at_or_before = Q(**{f"{column}__lt": datetime.fromisoformat(at)})
            same = Q(**{column: datetime.fromisoformat(at), "pk__lt": UUID(pk)})
            ordered, is_first = ordered.filter(at_or_before | same), False
        except (ValueError, TypeError, OverflowError):
            at = ""
    found = list(ordered[: size + 1])
    last = found[size - 1] if len(found) > size else None
    next_key = f"{getattr(last, column).isoformat()}_{last.pk}" if last is not None else ""
    return Page(rows=found[:size], after=next_key, is_first=is_first)
