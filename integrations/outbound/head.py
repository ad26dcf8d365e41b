"""The head of a request as bytes, and what we accept as the head of an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

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


class AnswerHead:
    """Status and headers of an answer, as they came."""

    __slots__ = ("headers", "is_chunked", "keeps_alive", "lengths", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], *, keeps_alive: bool) -> None:
        self.status, self.headers, self.keeps_alive = status, headers, keeps_alive
        self.lengths: set[bytes] = set()
        self.is_chunked = False

    @property
    def ends_with_connection(self) -> bool:
        """Tell whether nothing but the end of the connection ends the body (RFC 9112 section 6.3)."""
        return not self.lengths and not self.is_chunked

    def check(self) -> None:
        """Raise InvalidAnswer for a head whose meaning two readers could see differently.

        Length and chunking together, or two lengths, are how one answer is smuggled into another
        (RFC 9112 section 6.3); the parser alone accepts some of them.
        """
        head_bytes = 0
        for raw_name, value in self.headers:
            head_bytes += len(raw_name) + len(value)
            if len(value) > MAX_HEADER_LINE or _BAD_IN_VALUE.search(value):
                raise InvalidAnswer("a header of the answer holds what HTTP does not allow", was_sent=True)
            name = raw_name.lower()
            if name == b"content-length":
                self.lengths.add(value)
            elif name == b"transfer-encoding":
                self.is_chunked = True
        if not 200 <= self.status < 600:
            raise InvalidAnswer("the status is not one that ends a call", was_sent=True)
        if (self.lengths and self.is_chunked) or len(self.lengths) > 1 or head_bytes > MAX_HEAD_BYTES:
            raise InvalidAnswer("the head of the answer is too large or contradicts itself", was_sent=True)
