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
_ANYWHERE = frozenset({"header:authorization", "header:x-keylodge-token"})


@dataclass(frozen=True, slots=True)
class Carried:
    """A gateway token as text, and the slots that held it ("header:authorization", "query:api_key")."""

    text: str
    slots: frozenset[str]

    def is_where_it_may_be(self, own_slot: str) -> bool:
        """Tell whether one of the slots is a common one or the connection's own injection slot."""
        return bool(self.slots & (_ANYWHERE | {own_slot}))


def find_token(headers: Headers, query: bytes) -> Carried:
    """Return the one token of a request; raises Problem token_missing, token_invalid or token_ambiguous.

    Its checksum is judged by the look-up, which need not do so for a token that it knows.
    """
    found: dict[str, set[str]] = {}
    for slot, text in (*_in_headers(headers), *_in_query(query)):
        found.setdefault(text, set()).add(slot)
    if not found:
        raise Problem("token_invalid" if _has_another(headers) else "token_missing")
    if len(found) > 1:
        raise Problem("token_ambiguous")
    text, slots = found.popitem()
    return Carried(text, frozenset(slots))


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


def _in_query(query: bytes) -> list[tuple[str, str]]:
    if b"klg_" not in query:
        return []
    found = []
    for pair in query.split(b"&"):
        name = unquote_plus(pair.partition(b"=")[0].decode("latin-1"))
        found += [(f"query:{name}", match.decode("ascii")) for match in _TOKEN.findall(pair)]
    return found
