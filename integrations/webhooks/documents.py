"""A body as JSON, with everything it says: of a name given twice, both count."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from integrations.webhooks.verdicts import Refused

ANY = "*"


@dataclass(frozen=True, slots=True)
class Table:
    """A JSON object as the pairs it was written with."""

    pairs: list[tuple[str, Any]]


def parse(body: bytes) -> Any:
    """Return the JSON of a body: Tables, lists, texts (numbers too, as written), True, False, None. Raises Refused."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=Table, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise Refused("malformed", "The body is not JSON.") from None


def values_at(document: Any, path: str) -> list[Any]:
    """Return everything at a dotted path; a number is a place in a list, `*` each place."""
    found = [document]
    for step in path.split("."):
        found = [inner for value in found for inner in _inside(value, step)]
    return found


def texts_at(document: Any, path: str) -> list[str]:
    """Return the texts, numbers and truth values at a path, as written. Raises Refused for half a character."""
    return [_written(value) for value in values_at(document, path) if not isinstance(value, Table | list | None)]


def text_at(document: Any, path: str) -> str:
    """Return the one text at a path, empty where there is none. Raises Refused where there are several."""
    found = texts_at(document, path)
    if len(found) > 1:
        raise Refused("doubled", f"The body holds {path} {len(found)} times.")
    return found[0] if found else ""


def _inside(value: Any, step: str) -> list[Any]:
    if isinstance(value, list):
        if step == ANY:
            return value
        return [value[int(step)]] if step.isascii() and step.isdigit() and int(step) < len(value) else []
    return [inner for name, inner in value.pairs if name == step] if isinstance(value, Table) else []


def _written(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which no other text can hold
            raise Refused("malformed", "The body's JSON holds half a character.") from None
    return value
