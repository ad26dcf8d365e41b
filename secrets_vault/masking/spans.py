"""What to cover in a text, and how the cover looks: `****`, or `****` and the last four of a long token."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

STARS = "****"
_ALREADY = re.compile(r"\\*[\"']?\*{4}[\w.\-]{0,4}(?:~[0-9a-f]{6})?\\*[\"']?")
_TAIL = re.compile(r"[A-Za-z0-9_\-]{4}\Z")
MIN_TAIL_LENGTH = 16


class Kind(IntEnum):
    """How much of a value may stay visible. A stricter kind wins where two overlap."""

    KNOWN = 0  # a value of the vault: its class is not told, so no tail, unless the place says token
    TOKEN = 1  # an API key or access token: the last four help to recognise it
    SECRET = 2  # passwords, PINs, cookies, signatures, PEM: nothing


class Span(NamedTuple):
    """A piece of text to cover. `wrap` is put around the stars, to keep JSON valid where a number stood."""

    start: int
    end: int
    kind: Kind
    wrap: str = ""


def tail_or_stars(value: str, is_token: bool) -> str:
    """Return `****`, and the last four of a token of at least 16 characters, padding not counted."""
    bare = value.rstrip("=")
    if is_token and len(bare) >= MIN_TAIL_LENGTH and bare.isascii() and _TAIL.search(bare):
        return STARS + bare[-4:]
    return STARS


def merge(spans: Iterable[Span]) -> Iterator[Span]:
    """Join overlapping spans, in order. A joined span shows a tail only where one token covers all of it."""
    current: Span | None = None
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if span.end <= span.start:
            continue
        if current is None or span.start >= current.end:
            if current is not None:
                yield current
            current = span
        else:
            current = _join(current, span)
    if current is not None:
        yield current


def _join(first: Span, second: Span) -> Span:
    end = max(first.end, second.end)
    if Kind.SECRET in (first.kind, second.kind):
        kind = Kind.SECRET
    else:
        whole = [s.kind for s in (first, second) if s.start == first.start and s.end == end]
        kind = max(whole, default=Kind.SECRET)
    wrap = first.wrap if first.end == end else ""
    return Span(first.start, end, kind, wrap or (second.wrap if second.start == first.start else ""))


def cover(text: str, span: Span, log_key: bytes | None = None) -> str:
    """Return what stands in the place of a span."""
    value = text[span.start : span.end]
    if _ALREADY.fullmatch(value):
        return value
    shown = tail_or_stars(value, span.kind is Kind.TOKEN)
    if log_key is not None:
        shown += "~" + hmac.new(log_key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:6]
    return span.wrap + shown + span.wrap


def render(text: str, spans: Iterable[Span], log_key: bytes | None = None) -> str:
    """Return the text with every span covered; everything else stays as it was, character for character."""
    out: list[str] = []
    at = 0
    for span in merge(spans):
        out.append(text[at : span.start])
        out.append(cover(text, span, log_key))
        at = span.end
    out.append(text[at:])
    return "".join(out)
