"""Reading the log in pages: by id, never by offset."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet


def page(queryset: QuerySet[Any], before: UUID | None, size: int) -> tuple[list[Any], UUID | None]:
    """Return up to `size` rows older than `before`, newest first, and the `before` of the next page or None."""
    older = queryset.order_by("-pk") if before is None else queryset.filter(pk__lt=before).order_by("-pk")
    rows = list(older[: size + 1])
    return rows[:size], rows[size - 1].pk if len(rows) > size else None
