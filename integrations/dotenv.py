"""Read and write .env texts. Nothing is lost: what cannot be read comes back with its line number.

There is no standard; this follows what Docker Compose, Node's and Python's dotenv agree on. Variables
are not expanded and nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from secrets_vault.secret import Secret

MAX_LENGTH = 1_000_000
MAX_ENTRIES = 10_000
MAX_VALUE_LINES = 500
NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([^\W\d][\w.-]*)[ \t]*(=|:(?=[ \t]))[ \t]*")
PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,^-][A-Za-z0-9_./:@%+,=^-]*", re.ASCII)  # no ~ or *: a shell may expand them
COMMENT = re.compile(r"[ \t]+#[ \t]?(.*)$")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$", "`": "`"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One variable. `line` is where it starts, from 1; `comment` is what stood above or behind it."""

    name: str
    value: Secret
    line: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that is no variable. Its text may hold a secret, so it is one."""

    line: int
    reason: str
    text: Secret


@dataclass(slots=True)
class Parsed:
    """All entries in order, and all problems."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def duplicates(self) -> Mapping[str, list[int]]:
        """Return the lines of every name that occurs more than once. The last one is what a shell would see."""
        lines: dict[str, list[int]] = {}
        for entry in self.entries:
            lines.setdefault(entry.name, []).append(entry.line)
        return {name: found for name, found in lines.items() if len(found) > 1}


def parse_env(text: str) -> Parsed:
    """Return the variables of a .env text. Quoted values may span lines; duplicates are all kept."""
    parsed, lines, notes = Parsed(), _lines(text[:MAX_LENGTH]), list[str]()
    if len(text) > MAX_LENGTH:
        parsed.problems.append(Problem(len(lines), "the text is too long; the rest was not read", Secret("")))
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or line.lstrip().startswith("#"):
            notes = [*notes, line.strip().lstrip("#").strip()] if line.strip() else []
            at += 1
            continue
        at = _read_entry(lines, at, parsed, note=" ".join(notes))
        notes = []
    return parsed


def format_env(entries: Iterable[Entry] | Mapping[str, Secret]) -> str:
    """Return a .env text in plaintext that `parse_env`, Docker Compose and a shell read alike. The caller guards it."""
    if isinstance(entries, Mapping):
        entries = [Entry(name, value, 0) for name, value in entries.items()]
    return "".join(f"{_comment(entry)}{entry.name}={_quote(entry.value.expose())}\n" for entry in entries)


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _read_entry(lines: list[str], at: int, parsed: Parsed, *, note: str) -> int:
    """Read the entry that starts on a line; return the line after it."""
    head = NAME.match(lines[at])
    if head is None:
        parsed.problems.append(Problem(at + 1, _why_no_entry(lines[at]), Secret(lines[at])))
        return at + 1
    if len(parsed.entries) >= MAX_ENTRIES:
        parsed.problems.append(Problem(at + 1, f"there are more than {MAX_ENTRIES} variables", Secret(lines[at])))
        return at + 1
    rest = lines[at][head.end() :]
    if rest[:1] in ("'", '"', "`") and rest:
        return _read_quoted(lines, at, head, parsed, note=note)
    comment = COMMENT.search(f" {rest}")
    value = f" {rest}"[: comment.start()] if comment else rest
    parsed.entries.append(Entry(head[1], Secret(value.strip()), at + 1, _joined(note, comment[1] if comment else "")))
    return at + 1


def _read_quoted(lines: list[str], at: int, head: re.Match[str], parsed: Parsed, *, note: str) -> int:
    """Read a value in quotes, which may end on a later line. A quote that stays open spoils its own line only."""
    quote = lines[at][head.end()]
    text = "\n".join([lines[at][head.end() + 1 :], *lines[at + 1 : at + MAX_VALUE_LINES]])
    closed = _closing(text, quote)
    end = at if closed is None else at + text.count("\n", 0, closed)
    after = "" if closed is None else text[closed + 1 :].partition("\n")[0]
    if closed is None or (after.strip() and not COMMENT.fullmatch(after)):
        is_open = closed is None or end > at
        reason = (
            _("a quotation mark is opened and not closed") if is_open else _("there is text after the closing quote")
        )
        parsed.problems.append(Problem(at + 1, reason, Secret(lines[at])))
        return at + 1
    comment = after.strip().lstrip("#").strip()
    value = _unescape(text[:closed]) if quote == '"' else text[:closed]
    parsed.entries.append(Entry(head[1], Secret(value), at + 1, _joined(note, comment)))
    return end + 1


def _closing(text: str, quote: str) -> int | None:
    """Return where the value ends. In double quotes a backslash takes the next character with it."""
    if quote != '"':
        found = text.find(quote)
        return None if found < 0 else found
    match = re.match(r'(?:[^"\\]|\\.)*"', text, re.DOTALL)
    return match.end() - 1 if match else None


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[0]), text, flags=re.DOTALL)


def _why_no_entry(line: str) -> str:
    if "=" not in line:
        return _("there is no = on this line")
    return _("the name before = is missing or holds characters that a name cannot have")


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _comment(entry: Entry) -> str:
    return f"# {entry.comment}\n" if entry.comment else ""


def _quote(value: str) -> str:
    """Return a value as a shell and a .env reader read alike: in single quotes where it can be, as it is inside them.

    In double quotes everything that a shell would run or expand is escaped. A carriage return has no spelling
    that both know; it is written for the .env readers, which would otherwise take it for a line break.
    """
    if not value or PLAIN.fullmatch(value):
        return value
    is_long = value.count("\n") >= MAX_VALUE_LINES - 1
    if "'" not in value and "\r" not in value and not is_long:
        return f"'{value}'"
    escaped = re.sub(r'[\\"$`]', r"\\\g<0>", value).replace("\r", "\\r")
    return '"' + (escaped.replace("\n", "\\n") if is_long else escaped) + '"'
