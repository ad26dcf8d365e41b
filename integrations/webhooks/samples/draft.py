"""A request that is being written: values are put where a scheme's facts say they stand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from integrations.webhooks.places import ANY, EITHER, NUMBERED, place
from integrations.webhooks.request import FORM_TYPE, WebhookRequest

OWN_HEADER = "x-webhook-secret"  # where a scheme says that the secret may stand in any header
OWN_PARAMETER = "secret"


@dataclass
class Draft:
    """A request without its signature, later with it. Header names are lower case."""

    url: str
    is_form: bool = False
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    items: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    document: Any = field(default_factory=dict)
    item_separator: str = ","

    def put(self, where: str, value: str) -> None:
        """Write a value at a place. What is there already is replaced."""
        spot = place(where)
        if spot.kind == "header":
            name = header_name(spot.name)
            if spot.item:
                self.items.setdefault(name, []).append((spot.item, value))
            else:
                self.headers[name] = value
        elif spot.kind == "query":
            self.query[OWN_PARAMETER if spot.name == ANY else spot.name] = value
        elif spot.kind == "form":
            self.form[spot.name] = value
        else:
            self.document = _with(self.document, spot.name.split("."), value)

    def has(self, where: str) -> bool:
        """Tell whether something stands at a place that is no list of items."""
        spot = place(where)
        if spot.kind == "json":
            return _is_there(self.document, spot.name.split("."))
        known = {"header": self.headers, "query": self.query, "form": self.form}[spot.kind]
        return (header_name(spot.name) if spot.kind == "header" else spot.name) in known

    def request(self) -> WebhookRequest:
        """Return the request as it stands now."""
        body, media = self._body()
        lists = {
            name: self.item_separator.join(f"{key}={value}" for key, value in pairs)
            for name, pairs in self.items.items()
        }
        headers = {"content-type": media, "user-agent": "Keylodge-test/1", **self.headers, **lists}
        url = f"{self.url}?{urlencode(self.query)}" if self.query else self.url
        return WebhookRequest(self.method, url, tuple((n, v.encode()) for n, v in headers.items()), body)

    def _body(self) -> tuple[bytes, str]:
        if self.is_form:
            return urlencode(self.form).encode(), FORM_TYPE
        return json.dumps(self.document, separators=(",", ":")).encode(), "application/json"


def header_name(name: str) -> str:
    """Return one header for what the facts call it: the first of several, the first of numbered ones."""
    if name == ANY:
        return OWN_HEADER
    return name.partition(EITHER)[0].replace(NUMBERED, "1").lower()


def _with(document: Any, path: list[str], value: Any) -> Any:
    """Return the document with a value at a path; `*` is the one item of a list."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if first == ANY:
        return [_with(document[0] if isinstance(document, list) and document else {}, rest, value)]
    known = dict(document) if isinstance(document, dict) else {}
    known[first] = _with(known.get(first, {}), rest, value)
    return known


def _is_there(document: Any, path: list[str]) -> bool:
    for name in path:
        if name == ANY:
            if not isinstance(document, list) or not document:
                return False
            document = document[0]
        elif isinstance(document, dict) and name in document:
            document = document[name]
        else:
            return False
    return True
