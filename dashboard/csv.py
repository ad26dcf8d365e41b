"""Lists as CSV files that are safe to open in a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import StreamingHttpResponse

from integrations.spreadsheet import csv_lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """Return a download of `rows`, streamed; `name` is the file's name without its ending."""
    response = StreamingHttpResponse(csv_lines_of(header, rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "no-store, private"
    return response
