"""A JSON Web Token in its compact form (RFC 7519), read strictly; the algorithm is the scheme's, never the token's."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.webhooks import documents
from integrations.webhooks.decoding import decoded
from integrations.webhooks.freshness import DEFAULT_TOLERANCE_S
from integrations.webhooks.schemes.functions.secrets import keys_of
from integrations.webhooks.schemes.proven import Case
from integrations.webhooks.verdicts import Refused


@dataclass(frozen=True, slots=True)
class Token:
    """An unverified token in parts: `signed` is what the signature covers."""

    header: Any
    claims: Any
    signed: bytes
    signature: bytes

    def claim(self, name: str) -> str:
        """Return a claim as text, empty where there is none. Raises Refused where it is given twice."""
        return documents.text_at(self.claims, name)

    def time(self, name: str) -> datetime | None:
        """Return a claim that is a time (NumericDate), None where there is none. Raises Refused."""
        written = self.claim(name)
        if not written:
            return None
        try:
            return datetime.fromtimestamp(float(written), UTC)
        except (ValueError, OverflowError, OSError):
            raise Refused("malformed", f"The token's {name} is no time.") from None


def parse(compact: str, *, algorithm: str) -> Token:
    """Return the token in parts. Raises Refused for another algorithm or any other writing."""
    pieces = compact.split(".")
    if len(pieces) != 3:
        raise Refused("malformed", "The token does not have three parts.")
    try:
        header, claims, signature = (decoded(piece, "base64url") for piece in pieces)
    except ValueError:
        raise Refused("malformed", "The token is not written in base64url.") from None
    token = Token(documents.parse(header), documents.parse(claims), ".".join(pieces[:2]).encode(), signature)
    if documents.text_at(token.header, "alg") != algorithm:
        raise Refused("malformed", f"The token is not signed by {algorithm}.")
    if documents.values_at(token.header, "crit"):
        raise Refused("malformed", "The token demands an extension that is not known here.")
    return token


def hs256_secret_number(case: Case, token: Token) -> int:
    """Return which secret signed the token. Raises Refused where none did."""
    for number, key in keys_of(case):
        if hmac.compare_digest(hmac.digest(key, token.signed, hashlib.sha256), token.signature):
            return number
    raise Refused("mismatch", "The token is not signed by the stored secret.")


def check_times(token: Token, *, now: datetime) -> datetime | None:
    """Return when the token was made, where it says so. Raises Refused for one without end, ended or not begun."""
    ends_at = token.time("exp")
    if ends_at is None:
        raise Refused("missing", "The token names no end.")
    made_at = token.time("iat")
    leeway = timedelta(seconds=DEFAULT_TOLERANCE_S)
    if ends_at <= now:
        raise Refused("stale", "The token has ended.")
    for begins_at in (made_at, token.time("nbf")):
        if begins_at is not None and begins_at - now > leeway:
            raise Refused("future", "The token is made for a time yet to come.")
    return made_at
