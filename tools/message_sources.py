"""Finds the texts to translate in a template, in Python, or in a table of words."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.extract import extract_python
from django.utils.translation.template import templatize

CALLS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), ("id",)),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), ("id", "plural")),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ("context", "id")),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ("context", "id", "plural")),
}
# Which words of a table a person reads: (beginning of the path, names of its keys; "*" for every value below a name).
TABLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("integrations/causes/rows/", ("title", "cause", "remedy", "cause_without")),
    (
        "integrations/providers/catalogue/",
        (
            "words",
            "notes",
            "label",
            "per",
            "needs",
            "redirect_rule",
            "app_steps",
            "steps",
            "scope_words",
            "what",
            "why",
        ),
    ),
)


@dataclass(frozen=True)
class Text:
    """One text: its English (with the plural, if it has one) and the context that tells it from its like."""

    id: str | tuple[str, ...]
    context: str = ""


def texts_of(path: Path, name: str) -> Iterator[Text]:
    """Yield the texts of a file; `name` is its path from the root."""
    if path.suffix == ".py":
        yield from _in_python(path.read_text("utf-8"))
    elif path.suffix == ".toml":
        yield from _in_table(path, name)
    else:
        # Within brackets the reader of Python does not mind how a template is indented.
        yield from _in_python(f"({templatize(path.read_text('utf-8'))}\n)")


def _in_python(source: str) -> Iterator[Text]:
    found = extract_python(BytesIO(source.encode()), dict.fromkeys(CALLS), [], {"encoding": "utf-8"})
    for _, call, said, _ in found:
        texts = said if isinstance(said, tuple | list) else (said,)
        parts = {part: str(text) for part, text in zip(CALLS[str(call)], texts, strict=False) if text}
        if parts.get("id"):
            ids = (parts["id"], parts["plural"]) if "plural" in parts else parts["id"]
            yield Text(ids, parts.get("context", ""))


def _in_table(path: Path, name: str) -> Iterator[Text]:
    keys = next((keys for start, keys in TABLES if name.startswith(start)), ())
    if keys:
        yield from (Text(text) for text in _values(tomllib.loads(path.read_text("utf-8")), keys))


def _values(node: Any, keys: tuple[str, ...], *, is_read: bool = False) -> Iterator[str]:
    if isinstance(node, str):
        if is_read and node:
            yield node
        return
    rows = node.items() if isinstance(node, dict) else (("", each) for each in node) if isinstance(node, list) else ()
    for key, value in rows:
        yield from _values(value, keys, is_read=is_read or key in keys)
