"""Rows as JSON lines or CSV, one at a time; what a spreadsheet would run as a formula is defused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

# OWASP, CSV injection: a cell that begins with one of these may be run by a spreadsheet.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Row = dict[str, Any]


def safe_cell(value: object) -> str:
    """Return what stands in a CSV cell: text that looks like a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(FORMULA_STARTS) else text


def csv_lines(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Return a header and a line for each row, which names its cells."""
    return csv_lines_of(columns, ([row.get(name) for name in columns] for row in rows))


def csv_lines_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the same for rows whose cells stand in the columns' order."""
    yield _csv_line(columns)
    for row in rows:
        yield _csv_line([safe_cell(cell) for cell in row])


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a JSON object on a line for each row. Line separators of Unicode are escaped: one row, one line."""
    for row in rows:
        text = json.dumps(row, ensure_ascii=False)
        yield text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\u0085", "\\u0085") + "\n"


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
