"""The path a caller asks for: judged, matched against the token's patterns, and sent as received."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

MOUNT = b"/gateway/"
_SLUG = re.compile(rb"[-a-zA-Z0-9_]{1,80}\Z")
# What a lenient decoder reads as a dot or a slash although it is not valid UTF-8.
_OVERLONG = re.compile(rb"\xc0[\xae\xaf]|\xe0\x80[\xae\xaf]|\xf0\x80\x80[\xae\xaf]")
# What most paths are: nothing in them that anybody could read in another way.
_PLAIN = re.compile(rb"(?:/[0-9A-Za-z_~-]+)*/?")
_UNSENDABLE = re.compile(rb"[\x00-\x20\x7f#]")


def split_path(raw_path: bytes) -> tuple[str, bytes] | None:
    """Return the slug and the raw path after it, or None where there is no slug."""
    if not raw_path.startswith(MOUNT):
        return None
    slug, slash, rest = raw_path[len(MOUNT) :].partition(b"/")
    if not _SLUG.match(slug):
        return None
    return slug.decode("ascii"), slash + rest


def is_refused(raw_rest: bytes) -> bool:
    """Tell whether two servers could read this path differently.

    It is decoded once, only to be judged: a dot segment in any encoding, a backslash, NUL, a control
    character or a leading `//` is refused. `%2F` passes, but what it separates is judged too.
    """
    if _PLAIN.fullmatch(raw_rest):
        return False
    decoded = unquote_to_bytes(raw_rest)
    if raw_rest.startswith(b"//") or _UNSENDABLE.search(raw_rest) or b"\\" in decoded or b"\0" in decoded:
        return True
    if _OVERLONG.search(decoded):
        return True
    # "..;x" is a dot segment to servers that read path parameters.
    return any(segment.split(b";", 1)[0] in (b".", b"..") for segment in decoded.split(b"/"))


def is_allowed(raw_rest: bytes, patterns: tuple[str, ...]) -> bool:
    """Tell whether a pattern matches the whole raw path, case-sensitively; no pattern allows every path."""
    return not patterns or any(_matches(_parts(pattern), raw_rest or b"/") for pattern in patterns)


@lru_cache(maxsize=4096)
def _parts(pattern: str) -> tuple[bytes, ...]:
    return tuple(pattern.encode("ascii").split(b"*"))


def _matches(parts: tuple[bytes, ...], path: bytes) -> bool:
    """Tell whether a path has the parts in their order, the first at its beginning and the last at its end.

    Each is taken where it stands first, which is never worse: so the path is gone through once. A regular
    expression with several `.*` tries every combination, and one long path then holds up every other call.
    """
    if len(parts) == 1:
        return path == parts[0]
    first, *between, last = parts
    if len(path) < len(first) + len(last) or not (path.startswith(first) and path.endswith(last)):
        return False
    at, end = len(first), len(path) - len(last)
    for part in between:
        at = path.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def joined(base_path: bytes, raw_rest: bytes, query: bytes) -> bytes:
    """Return the target: the base URL's path without its trailing slash, the raw path, the raw query."""
    path = base_path.rstrip(b"/") + raw_rest or b"/"
    return path + b"?" + query if query else path
