"""How names and ranges are written in the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network

from config.provision.table import Table

SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


def take_slug(table: Table, name: str, *, longest: int) -> str | None:
    """Return a name that can stand in a URL."""
    slug = table.take_text(name, is_needed=True, longest=longest)
    if slug is not None and not SLUG.fullmatch(slug):
        table.refuse(name, "must be lower case words joined by -")
        return None
    return slug


def take_each(table: Table, name: str, is_fit: Callable[[str], bool], words: str) -> list[str] | None:
    """Return a list of texts of which each is fit."""
    values = table.take_texts(name)
    if values is not None and not all(is_fit(value) for value in values):
        table.refuse(name, words)
        return None
    return values


def take_networks(table: Table, name: str) -> list[str] | None:
    """Return a list of addresses and ranges."""
    return take_each(table, name, is_network, "must be addresses or ranges such as 192.0.2.0/24")


def is_network(text: str) -> bool:
    """Tell whether a text is an address or a range of them."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
