"""SQL that puts rows in: values of columns named for a secret, in `INSERT … VALUES` and in `COPY … FROM stdin`."""

import re
from collections.abc import Iterator

from secrets_vault.masking.names import NameClass, classify
from secrets_vault.masking.page import Page
from secrets_vault.masking.spans import Span
from secrets_vault.masking.values import is_nothing, passes

_LONGEST_HEAD = 4000
_INTO = re.compile(r"\b(?:INTO|COPY)\s+[\w.\"`\[\]$]+\s*\Z", re.I)
_VALUES = re.compile(r"\)\s*(?:OVERRIDING\s+\w+\s+VALUE\s+|OUTPUT\s[^()]*)?VALUES?\s*(?=\()", re.I)
_FROM = re.compile(r"\)\s*FROM\s+stdin\b[^\n]*\n", re.I)
_BETWEEN = re.compile(r"\s*,\s*(?=\()")
_MARK = re.compile(r"['()]|,")
_PARAMETER = re.compile(r"\?\d*|[:@$]\w+|%s|%\(\w+\)s|DEFAULT|NULL", re.I)


def find_rows(page: Page) -> Iterator[Span]:
    """Yield the values that stand under a column whose name says secret."""
    text, read_to = page.text, 0
    for start, end, _, _ in page.known_names():
        opened = text.rfind("(", max(read_to, start - _LONGEST_HEAD), start)
        if opened < 0 or not _INTO.search(text, max(0, opened - 200), opened):
            continue
        closed = text.find(")", end, opened + _LONGEST_HEAD)
        columns = _columns(text[opened + 1 : closed]) if closed > 0 else {}
        if not columns:
            continue
        read_to = closed
        if values := _VALUES.match(text, closed):
            yield from _tuples(text, values.end(), columns)
        elif rows := _FROM.match(text, closed):
            yield from _copied(text, rows.end(), columns)


def _columns(names: str) -> dict[int, NameClass]:
    """Return by position what each secret column's name says."""
    bare = (name.strip().strip("\"'`[]") for name in names.split(","))
    return {i: known for i, name in enumerate(bare) if (known := classify(name)) and known.only_if != "never"}


def _tuples(text: str, at: int, columns: dict[int, NameClass]) -> Iterator[Span]:
    """Read `(1, 'a', f(b)), (2, 'c', NULL)` and what a cut has left of it."""
    while text[at : at + 1] == "(":
        for column, (start, end) in enumerate(_cells(text, at + 1)):
            at = end
            known = columns.get(column)
            if known:
                yield from _cell(text, start, end, known)
        following = _BETWEEN.match(text, at + 1)
        if following is None:
            return
        at = following.end()


def _cells(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield where each value of one tuple stands; the last ends at the closing bracket, or with the text."""
    start, depth = at, 0
    while True:
        mark = _MARK.search(text, at)
        if mark is None:
            yield start, len(text)
            return
        at = mark.end()
        if mark[0] == "'":
            at = _after_string(text, at)
        elif mark[0] == "(":
            depth += 1
        elif depth == 0:
            yield start, mark.start()
            if mark[0] == ")":
                return
            start = at
        elif mark[0] == ")":
            depth -= 1


def _after_string(text: str, at: int) -> int:
    """Return the position after a quoted value; both `''` and `\\'` stand for a quote inside it."""
    while True:
        close = text.find("'", at)
        if close < 0:
            return len(text)
        if text[close + 1 : close + 2] == "'":
            at = close + 2
        elif text[close - 1] == "\\" and text[close - 2] != "\\":
            at = close + 1
        else:
            return close + 1


def _cell(text: str, start: int, end: int, known: NameClass) -> Iterator[Span]:
    """Yield the value without its quotes and the space around it; a number and a call go whole."""
    raw = text[start:end]
    if _PARAMETER.fullmatch(raw.strip()):
        return
    start += len(raw) - len(raw.lstrip())
    end = start + len(raw.strip())
    opened = text.find("'", start, end)
    if opened >= 0:
        start, end = opened + 1, max(opened + 1, text.rfind("'", opened + 1, end) if text[end - 1] in "')" else end)
    if not is_nothing(text[start:end]) and passes(text[start:end], known.only_if):
        yield Span(start, end, known.kind)


def _copied(text: str, at: int, columns: dict[int, NameClass]) -> Iterator[Span]:
    """Read lines of tab-separated values up to `\\.`, as pg_dump writes them."""
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if text.startswith("\\.", at):
            return
        start = at
        for column, value in enumerate(text[at:end].split("\t")):
            known = columns.get(column)
            if known and value != "\\N" and not is_nothing(value) and passes(value, known.only_if):
                yield Span(start, start + len(value), known.kind)
            start += len(value) + 1
        at = end + 1
