"""Lists as CSV files that are safe to open in a spreadsheet."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from django.http import StreamingHttpResponse

from integrations.spreadsheet import csv_lines_of, safe_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def csv_response(
    name: str, header: Sequence[str], rows: Iterable[Sequence[object]], *, preface: str = ""
) -> StreamingHttpResponse:
    """Return a download of `rows`, streamed; `name` is the file's name without its ending.

    `preface` is a line above the header that says what the file holds.
    """
    above = csv_lines_of([safe_cell(preface)], ()) if preface else ()
    lines = chain(above, csv_lines_of(header, rows))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "no-store, private"
    return response
