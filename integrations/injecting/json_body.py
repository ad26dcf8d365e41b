"""A field of a JSON object set in the bytes of a body, of which every other byte stays as it came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from integrations.errors import IntegrationError

MAX_BYTES = 256 * 1024
_SPACE = re.compile(r"[ \t\n\r]*")  # RFC 8259 section 2
_DECODER = json.JSONDecoder()


class BodyNotInjectable(IntegrationError):
    """The body is not a JSON object of a size that can be read whole."""

    code = "body_refused"


def with_fields(body: bytes, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the object with these fields set. Raises BodyNotInjectable, whose message holds nothing of the body.

    A value of the caller's own is replaced wherever the field stands at the top, in every spelling that JSON has
    for its name: two readers take different ones of a field that stands twice.
    """
    wanted = dict(fields)
    text = _text(body)
    parts, at, seen = [], 0, set()
    for name, start, end in _members(text):
        if name in wanted:
            parts += [text[at:start], json.dumps(wanted[name])]
            at = end
            seen.add(name)
    whole = "".join([*parts, text[at:]])
    return _with_new(whole, {name: value for name, value in wanted.items() if name not in seen}).encode("utf-8")


def _text(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise BodyNotInjectable("the body is too large")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise BodyNotInjectable("the body is not UTF-8") from None


def _with_new(text: str, new: dict[str, str]) -> str:
    """Put the fields that were not there in front of the others."""
    if not new:
        return text
    opening = text.index("{") + 1
    is_empty = text[_SPACE.match(text, opening).end()] == "}"  # type: ignore[union-attr]
    told = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in new.items())
    return text[:opening] + told + ("" if is_empty else ", ") + text[opening:]


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, begin and end of the value of each member of the one object that the text is."""
    try:
        yield from _walked(text)
    except (ValueError, IndexError, RecursionError):
        raise BodyNotInjectable("the body is not a JSON object") from None


def _walked(text: str) -> Iterator[tuple[str, int, int]]:
    at = _after(text, _skipped(text, 0), "{")
    at = _skipped(text, at)
    is_first = True
    while text[at] != "}":
        if not is_first:
            at = _skipped(text, _after(text, at, ","))
        is_first = False
        if text[at] != '"':
            raise ValueError
        name, at = _DECODER.raw_decode(text, at)
        start = _skipped(text, _after(text, _skipped(text, at), ":"))
        _, end = _DECODER.raw_decode(text, start)
        yield name, start, end
        at = _skipped(text, end)
    if _skipped(text, at + 1) != len(text):
        raise ValueError


def _skipped(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def _after(text: str, at: int, mark: str) -> int:
    if text[at] != mark:
        raise ValueError
    return at + 1
