"""A JWT cut into its parts, strictly: what two parsers could read in two ways is no JWT. Nothing is believed here."""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.errors import IntegrationError

MOST_CHARACTERS = 16 * 1024
DEEPEST = 32
_BASE64URL = re.compile(r"[0-9A-Za-z_-]*\Z")


class NotAJWT(IntegrationError):
    """A text that cannot be read as a JWT. `code` says why, `part` where; never holds any of the text."""

    code = "not_a_jwt"

    def __init__(self, code: str, *, part: str = "") -> None:
        self.code, self.part = code, part
        super().__init__(f"no JWT: {code} {part}".rstrip())


@dataclass(frozen=True, slots=True)
class UnverifiedJWT:
    """What a JWT says of itself. Anybody can write that."""

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def alg(self) -> str:
        """Return the named algorithm, "" where none is named as it should be."""
        return _text(self.header.get("alg"))

    @property
    def kid(self) -> str | None:
        """Return the id of the key, None where the header names none."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None


def cut(text: str, *, most: int = MOST_CHARACTERS) -> UnverifiedJWT:
    """Return the parts of a JWT in compact form (RFC 7515 section 7.1). Raises NotAJWT."""
    if len(text) > most:
        raise NotAJWT("too_long")
    pieces = text.split(".")
    if len(pieces) == 5:
        raise NotAJWT("encrypted")
    if len(pieces) != 3:
        raise NotAJWT("not_three_parts")
    header = _object(_bytes(pieces[0], part="header"), part="header")
    claims = _object(_bytes(pieces[1], part="claims"), part="claims")
    signature = _bytes(pieces[2], part="signature")
    return UnverifiedJWT(header, claims, f"{pieces[0]}.{pieces[1]}".encode("ascii"), signature)


def _bytes(piece: str, *, part: str) -> bytes:
    """Return what a piece stands for; one that is not written in the one right way is refused (RFC 7515 section 2)."""
    if not _BASE64URL.match(piece):
        raise NotAJWT("bad_base64", part=part)
    try:
        found = urlsafe_b64decode(piece + "=" * (-len(piece) % 4))
    except (binascii.Error, ValueError):
        raise NotAJWT("bad_base64", part=part) from None
    if urlsafe_b64encode(found).rstrip(b"=") != piece.encode("ascii"):
        raise NotAJWT("bad_base64", part=part)
    return found


def _object(raw: bytes, *, part: str) -> Mapping[str, Any]:
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except _Twins:
        raise NotAJWT("duplicate_name", part=part) from None
    except (ValueError, RecursionError):
        raise NotAJWT("bad_json", part=part) from None
    if not isinstance(found, dict):
        raise NotAJWT("bad_json", part=part)
    if _depth(found) > DEEPEST:
        raise NotAJWT("bad_json", part=part)
    return found


class _Twins(Exception):
    """An object has two members of one name: which one counts would depend on who reads (RFC 8725 section 2.7)."""


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twins
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _depth(value: Any, at: int = 0) -> int:
    """Return how deep a value is nested, no deeper than anybody needs to know."""
    if at > DEEPEST or not isinstance(value, dict | list):
        return at
    inner = value.values() if isinstance(value, dict) else value
    return max((_depth(each, at + 1) for each in inner), default=at + 1)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a time of the claims in seconds since 1970, None for what is no such number."""
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < 2**53 else None


def audiences(claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return whom the token is meant for, a list or a single one; None where that is written in no such way."""
    audience = claims.get("aud")
    if isinstance(audience, str):
        return (audience,)
    if isinstance(audience, list) and all(isinstance(each, str) for each in audience):
        return tuple(audience)
    return None
