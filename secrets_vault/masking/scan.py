"""Small readers that several rooms share: where a quoted value ends, where a bracket closes, what a line is."""

import re

_QUOTE = re.compile(r"(\\*)([\"'`])")
_STRUCTURE = re.compile(r"[\"{}\[\]]")
MAX_DEPTH = 200


def string_end(text: str, start: int, quote: str) -> int:
    """Return where a quoted string that starts at `start` (after its quote) ends, or the end of the text.

    `quote` may carry backslashes (`\\"`), as JSON inside a JSON string does: then the same run closes it.
    """
    if len(quote) > 1:
        at = text.find(quote, start)
        while at > start and text[at - 1] == "\\":
            at = text.find(quote, at + 1)
        return at if at >= 0 else len(text)
    at = start
    while True:
        close = text.find(quote, at)
        if close < 0:
            return len(text)
        back = close - 1
        while back >= start and text[back] == "\\":
            back -= 1
        if (close - back) % 2:
            return close
        at = close + 1


def block_end(text: str, start: int) -> int:
    """Return the position after the bracket that closes the one at `start`, or the end of the text.

    Deeper than MAX_DEPTH the rest of the text counts as inside: hidden, never shown.
    """
    depth, at = 0, start
    while True:
        found = _STRUCTURE.search(text, at)
        if found is None:
            return len(text)
        mark, at = found[0], found.end()
        if mark == '"':
            at = min(len(text), string_end(text, at, '"') + 1)
        elif mark in "{[":
            depth += 1
            if depth > MAX_DEPTH * 50:
                return len(text)
        else:
            depth -= 1
            if depth <= 0:
                return at


def opening_quote(text: str, at: int) -> str:
    """Return the quote that stands at a position, with its backslashes; empty if there is none."""
    found = _QUOTE.match(text, at)
    return found[0] if found else ""


def line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end
