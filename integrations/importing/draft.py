"""What was read, as JSON for the session between looking and storing: its data is sealed by the vault."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from integrations.importing.found import Found, Item, Problem
from secrets_vault.secret import Secret

MOST_NAMED = 100  # of problems and of what is left in the file: more than that nobody reads


def pack(found: Found) -> dict[str, Any]:
    """Return it as plain JSON, values and all. It may go nowhere but into a sealed place."""
    return {
        "format": found.format,
        "items": [_pack_item(item) for item in found.items],
        "problems": [asdict(problem) for problem in found.problems[:MOST_NAMED]],
        "ignored": found.ignored[:MOST_NAMED],
        "more": max(0, len(found.problems) - MOST_NAMED) + max(0, len(found.ignored) - MOST_NAMED),
    }


def unpack(packed: dict[str, Any]) -> Found:
    """Return what `pack` was given, but that long lists of names end."""
    return Found(
        packed["format"],
        [_unpack_item(row) for row in packed["items"]],
        [Problem(**row) for row in packed["problems"]],
        list(packed["ignored"]),
    )


def _pack_item(item: Item) -> list[Any]:
    fields = {name: value.expose() for name, value in item.fields.items()}
    return [item.name, fields, item.where, item.kind, item.provider_key, list(item.hosts), item.folder]


def _unpack_item(row: list[Any]) -> Item:
    name, fields, where, kind, provider_key, hosts, folder = row
    values = {field: Secret(text) for field, text in fields.items()}
    return Item(name, values, where, kind, provider_key, tuple(hosts), folder)
