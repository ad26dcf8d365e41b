"""The gateway token of a request: where it may stand, and a request without any trace of it."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import unquote_plus

from integrations.gateway.problems import Problem

Headers = list[tuple[bytes, bytes]]

_TOKEN = re.compile(rb"(?<![0-9A-Za-z_])klg_[0-9A-Za-z]{49}(?![0-9A-Za-z])")
# Behind the fixed part of a segment: /bot<token>/getMe.
_IN_SEGMENT = re.compile(rb"klg_[0-9A-Za-z]{49}(?![0-9A-Za-z])")
_PLAIN = re.compile(rb"Bearer (klg_[0-9A-Za-z]{49})")
_PLAIN_LENGTH = len("Bearer klg_") + 49
_IN_AUTHORIZATION = frozenset({"header:authorization"})
_JWT = re.compile(rb"(?:[Bb]earer +)?(eyJ[0-9A-Za-z_-]*\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*)")
_OUR_HEADERS = frozenset({b"authorization", b"x-keylodge-token"})
_ANYWHERE = frozenset({"header:authorization", "header:x-keylodge-token"})


@dataclass(slots=True)
class Carried:
    """A gateway token as text, and the slots that held it ("header:authorization", "query:api_key").

    `segment` is the first segment of the path where it stands in that (slot "path:bot{token}").
    """

    text: str
    slots: frozenset[str]
    segment: bytes = b""

    def is_where_it_may_be(self, own_slot: str) -> bool:
        """Tell whether one of the slots is a common one or the connection's own injection slot.

        In a path it may stand nowhere else: it would go upstream with the path.
        """
        if self.segment and not (own_slot.startswith("path:") and own_slot in self.slots):
            return False
        return bool(self.slots & (_ANYWHERE | {own_slot}))

    def without_segment(self, rest: bytes) -> bytes:
        """Return the path after the segment that held the token."""
        return rest[1 + len(self.segment) :] if self.segment else rest


def find_token(headers: Headers, query: bytes, rest: bytes = b"") -> Carried:
    """Return the one token of a request; raises Problem token_missing, token_invalid or token_ambiguous.

    Its checksum is judged by the look-up, which need not do so for a token that it knows.
    """
    plain = _plain(headers, query, rest)
    if plain is not None:
        return plain
    found: dict[str, set[str]] = {}
    segment, in_path = _in_path(rest)
    for slot, text in (*_in_headers(headers), *_in_query(query), *in_path):
        found.setdefault(text, set()).add(slot)
    if not found and (jwt := _jwt_in(headers)) is not None:
        return jwt
    if not found:
        raise Problem("token_invalid" if _has_another(headers) else "token_missing")
    if len(found) > 1:
        raise Problem("token_ambiguous")
    text, slots = found.popitem()
    return Carried(text, frozenset(slots), segment)


def _plain(headers: Headers, query: bytes, rest: bytes) -> Carried | None:
    """Return the token where it stands as most callers send it: as the one Bearer, and nowhere else. Else None."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1 or len(values[0]) != _PLAIN_LENGTH or b"klg_" in query or b"klg_" in rest:
        return None
    if b"\n".join([value for _, value in headers]).count(b"klg_") != 1:
        return None
    match = _PLAIN.fullmatch(values[0])
    return Carried(match[1].decode("ascii"), _IN_AUTHORIZATION) if match is not None else None


def _jwt_in(headers: Headers) -> Carried | None:
    """Return the JWT of a request without a gateway token: in one of our two headers, and once.

    Nowhere else, not even where the provider's own key would go: other people's tokens stand there, too.
    """
    ours = [(name.lower(), value.strip()) for name, value in headers if name.lower() in _OUR_HEADERS]
    found = [(name, match[1]) for name, value in ours if (match := _JWT.fullmatch(value)) is not None]
    if not found:
        return None
    name, text = found[0]
    if len(found) > 1 or sum(other == name for other, _ in ours) > 1:
        raise Problem("token_ambiguous")
    return Carried(text.decode("ascii"), frozenset({f"header:{name.decode('latin-1')}"}))


def _has_another(headers: Headers) -> bool:
    """Tell whether something stands where a token goes, that is none: a cut one, or the vendor's own key."""
    return any(
        value.strip() and (f"header:{name.lower().decode('latin-1')}" in _ANYWHERE or b"klg_" in value)
        for name, value in headers
    )


def _in_headers(headers: Headers) -> list[tuple[str, str]]:
    found = []
    for raw_name, value in headers:
        name = raw_name.lower()
        readable = value
        if name == b"authorization" and value[:6].lower() == b"basic ":
            readable = _decoded_basic(value[6:])
        if b"klg_" in readable:
            slot = f"header:{name.decode('latin-1')}"
            found += [(slot, match.decode("ascii")) for match in _TOKEN.findall(readable)]
    return found


def _decoded_basic(credentials: bytes) -> bytes:
    try:
        return b64decode(credentials.strip(), validate=True)
    except binascii.Error:
        return b""


def _in_path(rest: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the first segment of a path and the token in it, where there is one."""
    if b"klg_" not in rest:
        return b"", []
    segment = rest[1:].partition(b"/")[0]
    found = _IN_SEGMENT.findall(segment)
    if not found:
        return b"", []
    return segment, [(f"path:{segment.replace(text, b'{token}').decode('latin-1')}", text.decode()) for text in found]


def _in_query(query: bytes) -> list[tuple[str, str]]:
    if b"klg_" not in query:
        return []
    found = []
    for pair in query.split(b"&"):
        name = unquote_plus(pair.partition(b"=")[0].decode("latin-1"))
        found += [(f"query:{name}", match.decode("ascii")) for match in _TOKEN.findall(pair)]
    return found
