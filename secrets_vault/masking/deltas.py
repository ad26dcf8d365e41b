"""A secret that comes in pieces: the events of a stream, each with a few letters of one text.

`data: {"delta": "sk-pro"}` and then `data: {"delta": "j-abc…"}` hold nothing to see each; joined they do.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from secrets_vault.masking.spans import Kind, Span

_EVENT = re.compile(r"(?m)^data:[ \t]?(?P<payload>[^\r\n]+)")
_PIECE = re.compile(
    r"\"(?P<key>content|text|delta|partial_json|arguments|completion|response|thinking|reasoning|reasoning_content"
    r"|output_text|generated_text|input_json|refusal|transcript)\"\s*:\s*\"(?P<piece>(?:[^\"\\]|\\.)*)\""
)
_INDEX = re.compile(r"\"(?:output_|content_)?index\"\s*:\s*(\d+)")

Place = tuple[int, int]
Finder = Callable[[str], Iterable[Span]]


def find_deltas(text: str, find: Finder) -> Iterator[Span]:
    """Yield the pieces of whatever `find` finds in each text that the events make up together."""
    if text.count("data:") < 2:
        return
    for places in _streams(text):
        if len(places) > 1:
            joined = "".join(text[start:end] for start, end in places)
            yield from _back(places, find(joined))


def _streams(text: str) -> Iterable[list[Place]]:
    """Return, for each text that comes in pieces, where the pieces stand: by field, and by the events' own index."""
    found: dict[object, list[Place]] = {}
    for event in _EVENT.finditer(text):
        start, end = event.span("payload")
        if text[start] not in "{[":
            found.setdefault(None, []).append((start, end))
            continue
        index = tuple(_INDEX.findall(text, start, end))
        for piece in _PIECE.finditer(text, start, end):
            found.setdefault((piece["key"], index), []).append(piece.span("piece"))
    return found.values()


def _back(places: list[Place], spans: Iterable[Span]) -> Iterator[Span]:
    """Yield what each span of the joined text covers of each piece."""
    begins, at = [], 0
    for start, end in places:
        begins.append(at)
        at += end - start
    for span in spans:
        for (start, end), begin in zip(places, begins, strict=True):
            first, last = max(span.start, begin), min(span.end, begin + end - start)
            if first < last:
                yield Span(start + first - begin, start + last - begin, Kind.SECRET)
