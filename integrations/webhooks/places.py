"""Where in a request a part stands: `header:Name`, `header:Name#item`, `query:name`, `form:name`, `json:path`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from integrations.webhooks import documents
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.verdicts import Refused

PLACE = re.compile(r"(header|query|form|json):([^#\s]+)(?:#([A-Za-z0-9_.-]+))?")
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+(?:\{n\}|(?:\|[A-Za-z0-9-]+)+)?|\*")
NUMBERED = "{n}"  # `X-Signature-{n}` is X-Signature-1, X-Signature-2 …
ANY = documents.ANY
# Of `header:*`: the headers that may hold a secret, and not those that a proxy adds.
SECRET_HEADER = re.compile(r"x-(?!forwarded-|real-ip|request-id).*|.*(?:token|secret|key|signature|auth).*")
EITHER = "|"  # `webhook-id|svix-id`: one of the two, or both if they are equal
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
        return _single(request.query_pairs()) if where.name == ANY else request.query_values(where.name)
    if where.kind == "form":
        return _form_texts(request, where)
    return tuple(documents.texts_at(request.document, where.name))


def text(request: WebhookRequest, where: Place, *, item_separator: str = ",") -> str | None:
    """Return the one value at a place, None where there is none. Raises Refused where it is doubled."""
    found = texts(request, where, item_separator=item_separator)
    if len(found) > 1:
        raise Refused("doubled", f"There is more than one value for {where.words}.")
    return found[0] if found else None


def required(request: WebhookRequest, where: Place, tail: str = "", *, item_separator: str = ",") -> str:
    """Return the one value at a place. Raises Refused for none, an empty or a second one; `tail` says what it is."""
    found = text(request, where, item_separator=item_separator)
    if not found:
        raise Refused("missing", f"The request lacks {where.words}{tail}.")
    return found


def _header_texts(request: WebhookRequest, where: Place, separator: str) -> tuple[str, ...]:
    if where.name == ANY:
        named = [(name, value.decode()) for name, value in request.headers if value.isascii()]
        return _single([pair for pair in named if pair[0] != "authorization" and SECRET_HEADER.fullmatch(pair[0])])
    if where.name.endswith(NUMBERED):
        stem = where.name.removesuffix(NUMBERED)
        found = [request.header(f"{stem}{number}") for number in range(1, MOST_NUMBERED + 1)]
        return tuple(_ascii(value, where) for value in found if value is not None)
    values = [request.header(name) for name in where.name.split(EITHER)]
    lines = tuple(dict.fromkeys(_ascii(value, where) for value in values if value is not None))
    return tuple(item for line in lines for item in _items(line, where.item, separator)) if where.item else lines


def _single(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return the values of names that came once. Raises Refused where none did, but some came twice."""
    counts = Counter(name for name, _value in pairs)
    found = tuple(value for name, value in pairs if counts[name] == 1)
    if pairs and not found:
        raise Refused("doubled", "What may hold the secret came more than once.")
    return found


def expected_count(request: WebhookRequest, where: Place) -> int:
    """Return how many values a JSON path with `*` must have: one for each item."""
    items, star, _rest = where.name.rpartition(f".{ANY}.")
    return len(documents.values_at(request.document, f"{items}.{ANY}")) if star else 1


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
