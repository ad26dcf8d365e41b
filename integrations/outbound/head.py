"""The head of a request as bytes, and what we accept as the head of an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp.http_parser import RawResponseMessage

from integrations.outbound.errors import BadRequest, InvalidAnswer
from integrations.outbound.origin import Origin, checked_target

MAX_HEADER_LINE = 64 * 1024
MAX_HEADERS = 256
MAX_HEAD_BYTES = 128 * 1024

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_BAD_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

Headers = Sequence[tuple[bytes, bytes]]


def written_head(method: bytes, origin: Origin, *, target: bytes, headers: Headers, framing: Headers) -> bytes:
    """Return the bytes of a request head; raises BadRequest, whose message never holds a value."""
    if not _TOKEN.match(method):
        raise BadRequest("the method is not a word that HTTP allows")
    lines = [b"%b %b HTTP/1.1" % (method, checked_target(target)), b"Host: " + origin.host_header]
    for name, value in (*headers, *framing):
        if not _TOKEN.match(name) or _BAD_IN_VALUE.search(value):
            raise BadRequest("a header holds a character that HTTP does not allow")
        lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def checked_answer(message: RawResponseMessage) -> None:
    """Raise InvalidAnswer for a head whose meaning two readers could see differently.

    Length and chunking together, or two lengths, are how one answer is smuggled into another
    (RFC 9112 section 6.3); the parser alone accepts some of them.
    """
    lengths, is_chunked, head_bytes = set(), False, 0
    for raw_name, value in message.raw_headers:
        head_bytes += len(raw_name) + len(value)
        name = raw_name.lower()
        if name == b"content-length":
            lengths.add(value)
        elif name == b"transfer-encoding":
            is_chunked = True
        if _BAD_IN_VALUE.search(value):
            raise InvalidAnswer("a header of the answer holds a control character", was_sent=True)
    if not 200 <= message.code < 600:
        raise InvalidAnswer("the status is not one that ends a call", was_sent=True)
    if (lengths and is_chunked) or len(lengths) > 1 or head_bytes > MAX_HEAD_BYTES:
        raise InvalidAnswer("the head of the answer is too large or contradicts itself", was_sent=True)
