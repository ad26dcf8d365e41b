"""Which web pages may call the gateway from a browser (Fetch standard, CORS): none, unless a token names them.

A preflight carries no token, so it is answered for an origin that some living token of the connection names; to every
other it is a request without a token, whether the connection exists or not. Nothing is ever allowed with cookies, for
the gateway heeds none.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from integrations.gateway.reading import Unavailable
from secrets_vault import generation

Headers = list[tuple[bytes, bytes]]

MAX_AGE_S = 600
MOST_KEPT = 1000
LONGEST_HEADERS = 2000
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,16}")
_NAMES = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z, -]*")
VARY = (b"vary", b"Origin")
# Every header of the answer may be read: "*" says so where no cookies are involved.
EXPOSED = (b"access-control-expose-headers", b"*")


def allowed(origins: Sequence[str], request: Headers) -> Headers:
    """Return what an answer to a call says to the browser; `origins` are those that its token names."""
    if not origins:
        return []
    origin = _value(request, b"origin")
    if origin is None or origin.decode("latin-1") not in origins:
        return [VARY]
    return [(b"access-control-allow-origin", origin), EXPOSED, VARY]


class Preflights:
    """Answers what browsers ask before a call. One per gateway."""

    def __init__(self, read: Callable[[str], Awaitable[Sequence[Sequence[Any]]]]) -> None:
        self._read = read
        self._kept: OrderedDict[str, tuple[int, list[_Named]]] = OrderedDict()

    async def answer(self, slug: str, request: Headers) -> Headers | None:
        """Return the headers of a good preflight, None where it is none or nobody allows it."""
        origin, method = _value(request, b"origin"), _value(request, b"access-control-request-method")
        names = _value(request, b"access-control-request-headers") or b""
        if origin is None or method is None or not _METHOD.fullmatch(method):
            return None
        if len(names) > LONGEST_HEADERS or not _NAMES.fullmatch(names):
            return None
        try:
            named = await self._named(slug)
        except Unavailable:
            return None
        if not any(each.allows(origin, method) for each in named):
            return None
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", method),
            *([(b"access-control-allow-headers", names)] if names else []),
            (b"access-control-max-age", b"%d" % MAX_AGE_S),
            (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]

    async def _named(self, slug: str) -> list[_Named]:
        """Return the living tokens of a connection that name origins, read again where anything has changed."""
        seen = generation.current()
        kept = self._kept.get(slug)
        if kept is None or kept[0] != seen:
            kept = self._kept[slug] = seen, [_Named(*row) for row in await self._read(slug)]
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return kept[1]


class _Named:
    """What one token allows to whom."""

    __slots__ = ("_expires_at", "_methods", "_origins")

    def __init__(self, origins: Any, methods: Any, expires_at: Any) -> None:
        self._origins = frozenset(_json(origins))
        self._methods = frozenset(method.upper() for method in _json(methods))
        self._expires_at = _time(expires_at)

    def allows(self, origin: bytes, method: bytes) -> bool:
        """Tell whether it is alive, and lets a page of this origin make such a call."""
        if self._expires_at is not None and self._expires_at <= datetime.now(UTC):
            return False
        is_named = origin.decode("latin-1") in self._origins
        return is_named and (not self._methods or method.decode("ascii").upper() in self._methods)


def _json(value: Any) -> list[str]:
    found: list[str] = json.loads(value) if isinstance(value, str) else value
    return found


def _time(value: Any) -> datetime | None:
    found: datetime | None = datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
    return found


def _value(headers: Headers, wanted: bytes) -> bytes | None:
    """Return the one value of a header, None where there is none or more than one."""
    found = [value for name, value in headers if name.lower() == wanted]
    return found[0] if len(found) == 1 else None
