"""CSV with a header row: the columns named for a secret."""

import re
from collections.abc import Iterator

from secrets_vault.masking.names import NameClass, classify
from secrets_vault.masking.page import Page
from secrets_vault.masking.scan import line_start
from secrets_vault.masking.spans import Span
from secrets_vault.masking.values import is_nothing, passes

_HEADER = re.compile(
    r"(?m)^(?P<row>[\w \"'.\-/()#]{1,64}(?:(?P<d>[,;\t|])[\w \"'.\-/()#]{0,64})(?:(?P=d)[\w \"'.\-/()#]{0,64})*)\r?$"
)
_CELL = {
    d: re.compile(rf'[ ]*(?:"(?P<q>(?:[^"]|"")*)"?|(?P<p>[^{re.escape(d)}\r\n]*))[^{re.escape(d)}\r\n]*')
    for d in ",;\t|"
}


def find_tables(page: Page) -> Iterator[Span]:
    """Yield the cells under a header that names a secret."""
    text, read_to = page.text, -1
    for start, _, _, _ in page.known_names():
        if start < read_to:
            continue
        found = _HEADER.match(text, line_start(text, start))
        if found is None:
            continue
        read_to = at = found.end() + 1
        columns = _columns(found["row"], found["d"])
        if columns:
            for span, then in _rows(text, at, found["d"], columns, found["row"].count(found["d"])):
                read_to = then
                if span:
                    yield span


def _columns(row: str, delimiter: str) -> dict[int, NameClass]:
    names = [c.strip().strip("\"'") for c in row.split(delimiter)]
    if any(len(n.split()) > 4 or n[:1].isdigit() for n in names):
        return {}
    return {
        i: known for i, n in enumerate(names) if n and (known := classify(n)) and known.only_if in ("", "text", "key")
    }


def _rows(
    text: str, at: int, delimiter: str, columns: dict[int, NameClass], width: int
) -> Iterator[tuple[Span | None, int]]:
    """Yield the spans of the rows that have as many cells as the header, and where reading goes on."""
    while at < len(text):
        spans, column = [], 0
        while True:
            cell = _CELL[delimiter].match(text, at)
            if cell is None:
                return
            group = "q" if cell["q"] is not None else "p"
            known = columns.get(column)
            if known and not is_nothing(cell[group]) and passes(cell[group], known.only_if):
                start, end = cell.span(group)
                spans.append(Span(start, start + len(text[start:end].rstrip()), known.kind))
            at = cell.end()
            if text[at : at + 1] != delimiter:
                break
            column, at = column + 1, at + 1
        if column == 0 or column > width + 1:
            return
        at = at + 2 if text[at : at + 2] == "\r\n" else at + 1
        yield from ((span, at) for span in spans)
        yield None, at
