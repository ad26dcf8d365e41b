"""The same text with one coat of encoding taken off, and the way back to the original positions."""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_NOISE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]"
    r"|[\x00\x08\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u180e\ufe00-\ufe0f]+"
)
_ESCAPE = re.compile(
    r"\\(?:u\{[0-9a-fA-F]{1,6}\}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[\"'\\/nrtbf])"
)
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_ENTITY = re.compile(r"&(?:#\d{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,30};)")
_QUOTED_PRINTABLE = re.compile(r"=\r?\n|(?:=[0-9A-F]{2})+")
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
WINDOW = 4096


class Layer(NamedTuple):
    """A decoded text and, for each of its characters, where it began in the original (one more for the end)."""

    text: str
    starts: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        return self.starts[start], self.starts[end]


def _unescape(found: re.Match[str]) -> str:
    body = found[0][1:]
    if body[0] == "u":
        points = [int(p, 16) for p in re.findall(r"[0-9a-fA-F]{4,6}|(?<=\{)[0-9a-fA-F]+", found[0])]
        if len(points) == 2:
            return chr(0x10000 + ((points[0] & 0x3FF) << 10) + (points[1] & 0x3FF))
        return chr(points[0]) if points and points[0] < 0x110000 else "?"
    if body[0] == "x":
        return chr(int(body[1:], 16))
    return _SHORT.get(body, body)


def _unpercent(found: re.Match[str]) -> str:
    raw = bytes.fromhex(found[0].replace("%", ""))
    return _as_text(raw)


def _unprintable(found: re.Match[str]) -> str:
    return "" if found[0][1] in "\r\n" else _as_text(bytes.fromhex(found[0].replace("=", "")))


def _as_text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


_COATS = (
    (
        _NOISE,
        lambda _: "",
        (
            "\x1b",
            "\x00",
            "\x08",
            "\u200b",
            "\u200c",
            "\u200d",
            "\u2060",
            "\ufeff",
            "\u00ad",
            "\u200e",
            "\u200f",
            "\u2061",
            "\u2062",
            "\u2063",
            "\u2064",
            "\u180e",
        ),
    ),
    (_ESCAPE, _unescape, ("\\",)),
    (_PERCENT, _unpercent, ("%",)),
    (_ENTITY, lambda m: html.unescape(m[0]), ("&",)),
    (_QUOTED_PRINTABLE, _unprintable, ("=\n", "=\r\n", "=3D", "quoted-printable")),
    (
        _FULL_WIDTH,
        lambda m: chr(ord(m[0]) - 0xFEE0),
        ("\uff1a", "\uff1d", "\uff10", "\uff11", "\uff12", "\uff14", "\uff41", "\uff50", "\uff0d"),
    ),
)


_WORTH_PEELING = tuple(
    (pattern, decode, re.compile("|".join(map(re.escape, triggers)))) for pattern, decode, triggers in _COATS
)


def peel(text: str) -> Iterator[Layer]:
    """Yield decoded windows of a text, one coat at a time: only the parts where something was encoded."""
    for pattern, decode, trigger in _WORTH_PEELING:
        if not trigger.search(text):
            continue
        hits = [(m.start(), m.end(), decode(m)) for m in pattern.finditer(text)]
        for first, last in _windows(text, hits):
            yield _decoded(text, first, last, hits)


def _windows(text: str, hits: list[tuple[int, int, str]]) -> list[tuple[int, int]]:
    """Return the lines that hold something encoded, joined where they touch; a long line is cut to a neighbourhood."""
    made: list[tuple[int, int]] = []
    for start, end, _ in hits:
        if made and end <= made[-1][1] - 512:
            continue
        line_from = max(text.rfind("\n", max(0, start - WINDOW), start) + 1, start - WINDOW, 0)
        line_to = text.find("\n", end, end + WINDOW)
        line_to = min(len(text), end + WINDOW) if line_to < 0 else line_to
        if made and line_from <= made[-1][1] + 1:
            made[-1] = (made[-1][0], max(line_to, made[-1][1]))
        else:
            made.append((line_from, line_to))
    return made


def _decoded(text: str, first: int, last: int, hits: list[tuple[int, int, str]]) -> Layer:
    parts: list[str] = []
    starts: list[int] = []
    at = first
    for start, end, plain in hits:
        if start < at:
            continue
        if end > last:
            break
        parts.append(text[at:start])
        starts.extend(range(at, start))
        parts.append(plain)
        starts.extend([start] * len(plain))
        at = end
    parts.append(text[at:last])
    starts.extend(range(at, last + 1))
    return Layer("".join(parts), starts)
