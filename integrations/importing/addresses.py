"""The hosts of addresses that a file names. Nothing else of an address is kept: its path or query may hold a secret."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

MOST = 5


def hosts_of(addresses: Iterable[object]) -> tuple[str, ...]:
    """Return the hosts, lower case, each once."""
    found = (host for text in addresses if isinstance(text, str) for host in (_host(text.strip()),) if host)
    return tuple(dict.fromkeys(found))[:MOST]


def _host(text: str) -> str:
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""
    return host if "." in host and host.isprintable() and " " not in host else ""
