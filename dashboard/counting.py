"""Counting no further than a thousand: more than that nobody reads, and a table of millions stays cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from dashboard.words import thousands

if TYPE_CHECKING:
    from django.db.models import QuerySet

MOST_COUNTED = 1_000


def count_to_most(rows: QuerySet[Any]) -> int:
    """Count rows; of more than `MOST_COUNTED` return one more than that."""
    return int(rows.order_by().values("pk")[: MOST_COUNTED + 1].count())


def is_more(count: int) -> bool:
    """Tell whether there are more than were counted."""
    return count > MOST_COUNTED


def counted_words(count: int) -> str:
    """Return such a count for a sentence: "17", or "more than 1,000"."""
    return _("more than {n}").format(n=thousands(MOST_COUNTED)) if is_more(count) else thousands(count)


def count_short(count: int) -> str:
    """Return such a count where there is little room: "17", or "1,000+"."""
    return f"{thousands(MOST_COUNTED)}+" if is_more(count) else thousands(count)
