"""URL templates: `{name}` slots that a value can fill and never leave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
HOST_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
PATH_VALUE = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
FRAGMENT = re.compile(r"/[A-Za-z0-9/_-]+")
HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


def names(text: str) -> list[str]:
    """Return the names of the slots in a template."""
    return SLOT.findall(text)


def host(url: str) -> str:
    """Return the host of a URL template as allowed_hosts spells it: with the port, when one is written."""
    authority = url.partition("://")[2].partition("/")[0]
    return authority.partition("?")[0].lower()


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the template with the known values in their slots. Raises ValueError when one would leave its slot.

    A slot before the first `/` (of a URL, or of a bare host) takes a host name or a part of one; every
    other slot takes one path segment that is not a dot segment.
    """
    scheme, separator, rest = text.rpartition("://")
    authority, slash, tail = rest.partition("/")
    return scheme + separator + _put(authority, values, HOST_VALUE) + slash + _put(tail, values, PATH_VALUE)


def fill_header(text: str, values: Mapping[str, str]) -> str:
    """Return a header value with its slots filled. Raises ValueError for control or non-ASCII characters."""
    return _put(text, values, HEADER_VALUE)


def _put(text: str, values: Mapping[str, str], rule: re.Pattern[str]) -> str:
    def one(slot: re.Match[str]) -> str:
        value = values.get(slot[1])
        if value is None:
            return slot[0]
        if not rule.fullmatch(value):
            raise ValueError(f"{slot[1]}: holds characters that cannot stand there")
        return value

    return SLOT.sub(one, text)


def url_problem(url: str) -> str:
    """Return what is wrong with a URL (slots allowed), or "". Plain http is judged when a call is made."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "holds characters that cannot stand in a URL"
    try:
        parts = urlsplit(SLOT.sub("x", url))
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("https", "http") or not parts.hostname or not port_ok:
        return "must be an https URL with a host"
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    if parts.fragment or parts.query:
        return "must not hold a query or fragment"
    return ""


def consent_problem(url: str) -> str:
    """Return what is wrong with the address of a consent page, which may be a place in a page (Apollo), or ""."""
    page, mark, fragment = url.partition("#")
    if mark and not FRAGMENT.fullmatch(fragment):
        return "must not hold a fragment but the path of a page"
    return url_problem(page)
