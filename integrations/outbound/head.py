"""The head of a request as bytes, and what we accept as the head of an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.outbound.by_names import by_names
from integrations.outbound.errors import BadRequest, InvalidAnswer
from integrations.outbound.origin import Origin, checked_target

MAX_HEADER_LINE = 64 * 1024
MAX_HEADERS = 256
MAX_HEAD_BYTES = 128 * 1024

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_LINE_END = re.compile(rb"[\r\n]")
_BAD_IN_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BAD_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

Headers = Sequence[tuple[bytes, bytes]]


def written_head(method: bytes, origin: Origin, *, target: bytes, headers: Headers, framing: Headers) -> bytes:
    """Return the bytes of a request head; raises BadRequest, whose message never holds a value."""
    if not _TOKEN.match(method):
        raise BadRequest("the method is not a word that HTTP allows")
    lines = [b"%b %b HTTP/1.1" % (method, checked_target(target)), b"Host: " + origin.host_header]
    lines += [name + b": " + value for name, value in headers]
    lines += [name + b": " + value for name, value in framing]
    lines += (b"", b"")
    head = b"\r\n".join(lines)
    # Looked through once, not header by header. A line end that is not ours makes more of them than there are lines.
    is_torn = len(_LINE_END.findall(head)) != 2 * (len(lines) - 1)
    if is_torn or _BAD_IN_HEAD.search(head) or not _are_names(tuple([name for name, _ in headers])):
        raise BadRequest("a header holds a character that HTTP does not allow")
    return head


@by_names
def _are_names(names: tuple[bytes, ...]) -> bool:
    """Tell whether these are names of headers. A caller mostly sends the same ones again."""
    return all(_TOKEN.match(name) for name in names)


class AnswerHead:
    """Status and headers of an answer, as they came; `names` are those of the headers in lower case."""

    __slots__ = ("headers", "is_chunked", "keeps_alive", "lengths", "names", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], *, keeps_alive: bool) -> None:
        self.status, self.headers, self.keeps_alive = status, headers, keeps_alive
        self.names = tuple([name.lower() for name, _ in headers])
        self.lengths = {
            value for name, (_, value) in zip(self.names, headers, strict=True) if name == b"content-length"
        }
        self.is_chunked = b"transfer-encoding" in self.names

    @property
    def ends_with_connection(self) -> bool:
        """Tell whether nothing but the end of the connection ends the body (RFC 9112 section 6.3)."""
        return not self.lengths and not self.is_chunked

    def check(self) -> None:
        """Raise InvalidAnswer for a head whose meaning two readers could see differently.

        Length and chunking together, or two lengths, are how one answer is smuggled into another
        (RFC 9112 section 6.3); the parser alone accepts some of them.
        """
        values = [value for _, value in self.headers]
        together = b"".join(values)
        if _BAD_IN_VALUE.search(together) or max(map(len, values), default=0) > MAX_HEADER_LINE:
            raise InvalidAnswer("a header of the answer holds what HTTP does not allow", was_sent=True)
        head_bytes = len(together) + sum(map(len, self.names))
        if not 200 <= self.status < 600:
            raise InvalidAnswer("the status is not one that ends a call", was_sent=True)
        if (self.lengths and self.is_chunked) or len(self.lengths) > 1 or head_bytes > MAX_HEAD_BYTES:
            raise InvalidAnswer("the head of the answer is too large or contradicts itself", was_sent=True)
