"""Any other JSON: names with values, sections of them, lists of pairs, Postman's environments, Doppler's, sops'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from integrations.importing.found import Found, ImportRefused
from secrets_vault.secret import Secret

DEEPEST = 8
NAMES = ("name", "key", "title", "label", "variable")
VALUES = ("value", "secret", "computed", "raw", "currentValue", "password", "token")


def read(document: Any) -> Found:
    """Return one item a value. Raises ImportRefused for a document that is locked or holds no values."""
    if isinstance(document, dict) and "sops" in document:
        raise ImportRefused(_("It is encrypted with sops. Run “sops decrypt” and paste its output."))
    found = Found("JSON")
    if isinstance(document, dict) and document.get("type") == "service_account" and "private_key" in document:
        fields = {name: Secret(text) for name, text in document.items() if isinstance(text, str) and text}
        found.add(str(document.get("client_email") or "service account"), fields, kind="key_value_set")
        return found
    for path, value in _values(_body(document), (), 0):
        text = value if isinstance(value, str) else str(value).lower()
        found.add(path[-1] if path else "", {"value": Secret(text)}, where=_where(path), folder=" / ".join(path[:-1]))
    if not found.items:
        raise ImportRefused(_("The JSON holds no names with values."))
    return found


def _where(path: tuple[str, ...]) -> str:
    return ".".join(path)[:80]


def _body(document: Any) -> Any:
    """Return what holds the pairs: Postman keeps them in `values`."""
    if isinstance(document, dict) and isinstance(document.get("values"), list):
        return document["values"]
    return document


def _values(node: Any, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    if depth > DEEPEST:
        raise ImportRefused(_("The JSON is nested too deeply."))
    if isinstance(node, str | bool):
        if path:
            yield path, node
    elif isinstance(node, dict) and (pair := _pair(node)):
        yield (*path, pair[0]), pair[1]
    elif isinstance(node, dict):
        for name, below in node.items():
            yield from _of_name(str(name), below, path, depth)
    elif isinstance(node, list):
        for number, below in enumerate(node, start=1):
            yield from _values(below, path if isinstance(below, dict) else (*path, str(number)), depth + 1)


def _of_name(name: str, below: Any, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what stands under a name: {"KEY": {"computed": "…"}} is one value, as Doppler writes it."""
    if isinstance(below, dict):
        only = next((below[word] for word in VALUES if isinstance(below.get(word), str | bool)), None)
        if only is not None and not any(word in below for word in NAMES):
            yield (*path, name), only
            return
    yield from _values(below, (*path, name), depth + 1)


def _pair(node: Mapping[str, Any]) -> tuple[str, Any] | None:
    name = next((node[word] for word in NAMES if isinstance(node.get(word), str)), None)
    value = next((node[word] for word in VALUES if isinstance(node.get(word), str | bool)), None)
    return (name, value) if name is not None and value is not None else None
