"""Where in a TOML file a key stands: `tomllib` gives values, not places."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-\"' ]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*([A-Za-z0-9_-]+|"[^"]*"|'[^']*')\s*(?:=|\.)""")
_LONG = ('"""', "'''")


def places(text: str) -> dict[Path, int]:
    """Return the line (from 1) of every table and key by its path, e.g. ("client", 0, "slug").

    Good enough to point at a line: a key inside an inline table is found at the table's own key.
    """
    found: dict[Path, int] = {(): 1}
    counts: dict[Path, int] = {}
    here: Path = ()
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            inside = "" if line.count(inside) % 2 else inside
            continue
        if header := _HEADER.match(line):
            here = _enter(header[2], counts, is_array=header[1] == "[[")
            found.setdefault(here, number)
        elif key := _KEY.match(line):
            found.setdefault((*here, key[1].strip("\"'")), number)
        inside = next((mark for mark in _LONG if line.count(mark) % 2), "")
    return found


def _enter(name: str, counts: dict[Path, int], *, is_array: bool) -> Path:
    """Return the path of a table header; a name under an array means its newest element."""
    parts = [part.strip().strip("\"'") for part in name.split(".")]
    path: Path = ()
    for part in parts[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path] - 1)
    path = (*path, parts[-1])
    if not is_array:
        return path
    counts[path] = counts.get(path, 0) + 1
    return (*path, counts[path] - 1)


def line_of(path: Path, found: dict[Path, int]) -> int:
    """Return the line of a path; of an array's first table; else of the nearest table around it."""
    while path not in found:
        if (*path, 0) in found:
            return found[(*path, 0)]
        path = path[:-1]
    return found[path]
