"""Where a secret of the file comes from: the environment, another file, or the file itself."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from config.provision.table import Table
from secrets_vault.secret import Secret

SECRET_FROM = ("env", "file", "value")
MOST_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True)
class Sources:
    """Where secrets come from: a folder that file names start at, and the environment."""

    folder: Path
    environ: dict[str, str]


def take_secret(table: Table, name: str, sources: Sources, *, has_lines: bool = False) -> Secret | None:
    """Return a secret from the environment, a file or the file itself. Its value is never repeated.

    `has_lines`: it stands in no request, and may be a PEM of several lines.
    """
    if isinstance(table.values.get(name), str):
        table.take(name, str, "a table")
        table.refuse(name, 'must be { env = "NAME" }, { file = "path" } or { value = "…" }')
        return None
    source = table.take_table(name)
    if source is None:
        return None
    given = [key for key in SECRET_FROM if source.has(key)]
    if len(given) != 1 or len(source.values) != 1:
        table.refuse(name, "must have exactly one of env, file, value")
        return None
    text = source.take(given[0], str, "a text")
    return (
        None
        if text is None
        else _checked(table, name, _value(table, name, given[0], text, sources), has_lines=has_lines)
    )


def _value(table: Table, name: str, source: str, text: str, sources: Sources) -> str | None:
    if source == "value":
        return text
    if source == "env":
        if text not in sources.environ:
            table.refuse(name, f"the environment has no variable {text}")
        return sources.environ.get(text)
    try:
        return (sources.folder / text).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        table.refuse(name, f"the file {text} cannot be read as text")
        return None


def _checked(table: Table, name: str, value: str | None, *, has_lines: bool) -> Secret | None:
    if value is None:
        return None
    line = re.sub(r"\r?\n", " ", value) if has_lines else value
    if not value.strip():
        table.refuse(name, "is empty")
    elif len(value.encode()) > MOST_SECRET_BYTES:
        table.refuse(name, "is longer than 64 KiB")
    elif any(char in line for char in "\r\n\0"):
        table.refuse(name, "holds a line break, which cannot stand in a request")
    elif any(unicodedata.category(char) == "Cc" for char in line):
        table.refuse(name, "holds a control character, which cannot stand in a request")
    else:
        return Secret(value)
    return None
