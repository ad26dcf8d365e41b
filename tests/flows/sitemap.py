"""Every page of an installation with the demo in it: from the URL table, and by following links."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from html import unescape
from urllib.parse import urlsplit

from django.urls import NoReverseMatch, Resolver404, get_resolver, resolve, reverse
from django.urls.resolvers import URLPattern, URLResolver

Fetch = Callable[[str], tuple[int, str]]
LINK = re.compile(r'<a\b[^>]*\shref="(/[^"#]*)"')
# A page that is one of many is visited a few times: not every secret has every link.
VISITS = 3


def names(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every named address as `dashboard:client` with its pattern."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from names(pattern.url_patterns, inner)
        elif pattern.name:
            yield prefix + pattern.name, pattern


def fixed_paths() -> list[str]:
    """Return the addresses that need no argument."""
    paths = []
    for name, _ in names():
        with suppress(NoReverseMatch):
            paths.append(reverse(name))
    return paths


def name_of(path: str) -> str | None:
    """Return the name of the address that answers a path."""
    try:
        return resolve(urlsplit(path).path).view_name
    except Resolver404:
        return None


def pages(fetch: Fetch, *, first: list[str]) -> dict[str, str]:
    """Return one path for every page that was found, by the name of its address.

    `fetch` answers a GET with status and body; a body that is not HTML, or a redirect, is no page.
    """
    found: dict[str, str] = {}
    visits: dict[str, int] = {}
    waiting = deque(first)
    seen = set(first)
    while waiting:
        path = waiting.popleft()
        name = name_of(path)
        if name is None or visits.get(name, 0) >= VISITS:
            continue
        visits[name] = visits.get(name, 0) + 1
        status, body = fetch(path)
        if status != 200:
            continue
        found.setdefault(name, path)
        linked = [unescape(link).partition("?")[0] for link in LINK.findall(body)]
        fresh = [link for link in dict.fromkeys(linked) if link not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return found
