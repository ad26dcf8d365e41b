"""A target's filter as rows of a form: a path, what must hold there, and with what it is compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy

from integrations.webhooks.filters import MOST_CONDITIONS, OPERATIONS, BadFilter

if TYPE_CHECKING:
    from django.http import QueryDict
    from django_stubs_ext import StrOrPromise

EMPTY_ROWS = 2
OP_WORDS: dict[str, StrOrPromise] = {
    "equals": gettext_lazy("is"),
    "not_equals": gettext_lazy("is not"),
    "in": gettext_lazy("is one of"),
    "exists": gettext_lazy("is there"),
    "matches_prefix": gettext_lazy("begins with"),
    "greater": gettext_lazy("is greater than"),
    "less": gettext_lazy("is less than"),
}
OP_CHOICES = [(op, OP_WORDS[op]) for op in OPERATIONS]


@dataclass(frozen=True)
class FilterRow:
    """One condition as it was typed, and what is wrong with it."""

    number: int
    path: str = ""
    op: str = "equals"
    value: str = ""
    error: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was typed here; such a row is passed over."""
        return not self.path.strip() and not self.value.strip()


def rows_from(conditions: Sequence[Mapping[str, Any]] | None, *, more: int = EMPTY_ROWS) -> list[FilterRow]:
    """Return a stored filter as rows, and some empty ones below."""
    stored = [
        FilterRow(n, str(one.get("path", "")), str(one.get("op", "")), written(one.get("op"), one.get("value", "")))
        for n, one in enumerate(conditions or (), 1)
    ]
    return with_empty(stored, more=more)


def with_empty(rows: list[FilterRow], *, more: int = EMPTY_ROWS) -> list[FilterRow]:
    """Return the rows with empty ones below, as far as there is room."""
    room = max(0, min(more, MOST_CONDITIONS - len(rows)))
    return rows + [FilterRow(len(rows) + n) for n in range(1, room + 1)]


def typed_rows(posted: QueryDict) -> list[FilterRow]:
    """Return the rows of a form that hold something, counted from 1."""
    columns = (posted.getlist("path"), posted.getlist("op"), posted.getlist("value"))
    found = [FilterRow(0, path, op, value) for path, op, value in zip(*columns, strict=False)]
    kept = [row for row in found if not row.is_empty][: MOST_CONDITIONS + 1]
    return [FilterRow(n, row.path.strip(), row.op, row.value) for n, row in enumerate(kept, 1)]


def conditions_of(rows: Sequence[FilterRow]) -> list[dict[str, Any]]:
    """Return typed rows as a filter has them; whether they can be is for `filters.check` to say."""
    return [_condition(row) for row in rows]


def _condition(row: FilterRow) -> dict[str, Any]:
    found: dict[str, Any] = {"path": row.path, "op": row.op}
    text = row.value.strip()
    if text or row.op != "exists":
        found["value"] = read_value(row.op, text)
    return found


def read_value(op: str, text: str) -> Any:
    """Return what a typed value means: JSON where it is JSON, a text where not; a list may be given with commas."""
    if op == "matches_prefix":
        return text
    value = _json(text)
    if op == "in" and not isinstance(value, list):
        return [_json(piece.strip()) for piece in text.split(",") if piece.strip()]
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def written(op: object, value: Any) -> str:
    """Return a stored value as it is typed: a text in quotes only where it would else be something other."""
    if isinstance(value, str) and (op == "matches_prefix" or isinstance(_json(value), str)):
        return value
    return json.dumps(value, ensure_ascii=False)


def with_errors(rows: Sequence[FilterRow], bad: BadFilter) -> list[FilterRow]:
    """Return the rows with what is wrong at each."""
    said: dict[int, list[str]] = {}
    for problem in bad.problems:
        said.setdefault(problem.number, []).append(problem.sentence)
    return [FilterRow(row.number, row.path, row.op, row.value, " ".join(said.get(row.number, []))) for row in rows]
