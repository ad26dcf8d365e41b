"""Where in a request a part stands: `header:Name`, `header:Name#item`, `query:name`, `form:name`, `json:path`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.verdicts import Refused

PLACE = re.compile(r"(header|query|form|json):([^#\s]+)(?:#([A-Za-z0-9_.-]+))?")
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+(?:\{n\})?|\*")
NUMBERED = "{n}"  # `X-Signature-{n}` is X-Signature-1, X-Signature-2 …
ANY = "*"
MOST_NUMBERED = 100


@dataclass(frozen=True, slots=True)
class Place:
    """One place, read from its text. `item` is the name of one `name=value` in a header's list."""

    text: str
    kind: str
    name: str
    item: str = ""

    @property
    def words(self) -> str:
        """Return what a sentence calls this place."""
        if self.item:
            return f"{self.item} in the header {self.name}"
        return {
            "header": "the header ",
            "query": "the query parameter ",
            "form": "the form field ",
            "json": "the body's ",
        }[self.kind] + self.name


@lru_cache(maxsize=1024)
def place(text: str) -> Place:
    """Return the place that a scheme names. Raises ValueError with what is wrong with it."""
    found = PLACE.fullmatch(text)
    if not found:
        raise ValueError(
            f"{text!r} is no place; write header:Name, header:Name#item, query:name, form:name or json:path"
        )
    kind, name, item = found[1], found[2], found[3] or ""
    if kind == "header" and not HEADER_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no header name")
    if item and kind != "header":
        raise ValueError(f"{text!r}: only a header has items")
    return Place(text, kind, name, item)


def texts(request: WebhookRequest, where: Place, *, item_separator: str = ",") -> tuple[str, ...]:
    """Return every value that stands at a place, in order. Raises Refused for bytes outside ASCII and broken JSON."""
    if where.kind == "header":
        return _header_texts(request, where, item_separator)
    if where.kind == "query":
        pairs = request.query_pairs()
        return tuple(value for name, value in pairs if where.name in (ANY, name))
    if where.kind == "form":
        return _form_texts(request, where)
    return tuple(_json_texts(request, where))


def text(request: WebhookRequest, where: Place, *, item_separator: str = ",") -> str | None:
    """Return the one value at a place, None where there is none. Raises Refused where it is doubled."""
    found = texts(request, where, item_separator=item_separator)
    if len(found) > 1:
        raise Refused("doubled", f"There is more than one value for {where.words}.")
    return found[0] if found else None


def _header_texts(request: WebhookRequest, where: Place, separator: str) -> tuple[str, ...]:
    if where.name == ANY:
        return tuple(value.decode() for _name, value in request.headers if value.isascii())
    if where.name.endswith(NUMBERED):
        stem = where.name.removesuffix(NUMBERED)
        found = [request.header(f"{stem}{number}") for number in range(1, MOST_NUMBERED + 1)]
        return tuple(_ascii(value, where) for value in found if value is not None)
    value = request.header(where.name)
    if value is None:
        return ()
    line = _ascii(value, where)
    return _items(line, where.item, separator) if where.item else (line,)


def _ascii(value: bytes, where: Place) -> str:
    if not value.isascii():
        raise Refused("malformed", f"The header {where.name} holds a byte that is not ASCII.")
    return value.decode().strip(" \t")


def _items(line: str, wanted: str, separator: str) -> tuple[str, ...]:
    """Return the values of one name in a list such as `t=1,v1=ab,v1=cd`."""
    pairs = (piece.strip(" \t").partition("=") for piece in line.split(separator))
    return tuple(value for name, equals, value in pairs if equals and name == wanted)


def _form_texts(request: WebhookRequest, where: Place) -> tuple[str, ...]:
    wanted = where.name.encode()
    try:
        return tuple(value.decode() for name, value in request.form_pairs() if name == wanted)
    except UnicodeDecodeError:
        raise Refused("malformed", f"The form field {where.name} is not UTF-8.") from None


def _json_texts(request: WebhookRequest, where: Place) -> list[str]:
    found = [_JSONTable.top(request.body)]
    for step in where.name.split("."):
        found = [inner for value in found for inner in _inside(value, step)]
    return [_scalar(value) for value in found if value is not None and not isinstance(value, _JSONTable | list)]


def _inside(value: Any, step: str) -> list[Any]:
    if isinstance(value, list):
        if step == ANY:
            return value
        return [value[int(step)]] if step.isascii() and step.isdigit() and int(step) < len(value) else []
    return [inner for name, inner in value.pairs if name == step] if isinstance(value, _JSONTable) else []


def _scalar(value: Any) -> str:
    written = value if isinstance(value, str) else json.dumps(value)
    if not written.isascii():
        try:
            written.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which no other text can hold
            raise Refused("malformed", "The body's JSON holds half a character.") from None
    return written


@dataclass(frozen=True, slots=True)
class _JSONTable:
    """A JSON object with every pair it was written with: of a name given twice, both count as found."""

    pairs: list[tuple[str, Any]]

    @classmethod
    def top(cls, body: bytes) -> Any:
        try:
            return json.loads(body.decode("utf-8"), object_pairs_hook=cls, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            raise Refused("malformed", "The body is not JSON.") from None
