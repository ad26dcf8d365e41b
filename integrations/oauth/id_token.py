"""Whose account it is, as an id_token says it: believed only after every check (OpenID Connect Core 3.1.3.7, RFC 8725).

The token is read once and not kept. Who somebody is, is issuer and subject; an e-mail address is a
label, for it may pass to another person.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from integrations.errors import IntegrationError
from integrations.oauth.session import Send
from integrations.oauth.signing_keys import find_key
from integrations.providers.oauth_facts import OAuthFacts
from secrets_vault import vault
from secrets_vault.secret import Secret

SKEW_S = 60
MAX_AGE_S = 3600
MAX_ID = 200  # what a connection's account_id holds
# A header that brings a key or says where one is, or that asks for rules we do not know (RFC 7515 section 4.1).
REFUSED_HEADERS = ("jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty")
TYPES = ("jwt", "application/jwt")
HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
LENIENT = jws.JWSRegistry(strict_check_header=False)  # for reading a header, which checks nothing yet


class IdTokenRefused(IntegrationError):
    """An id_token that is not believed. `code` says which check failed; never holds any of the token."""

    code = "id_token_refused"

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"id_token refused: {code}")


@dataclass(frozen=True)
class Identity:
    """Who consented: `issuer` and `subject` together are the key; `email` and `name` are labels."""

    issuer: str
    subject: str
    email: str = ""
    is_email_verified: bool = False
    name: str = ""

    @property
    def key(self) -> str:
        """Return issuer and subject as one text, never cut: two people must not become one."""
        whole = f"{self.issuer}#{self.subject}"
        return whole if len(whole) <= MAX_ID else f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"

    @property
    def label(self) -> str:
        """Return what a person recognises the account by."""
        return self.email or self.name


@dataclass(frozen=True)
class Expected:
    """What one consent's id_token must say."""

    facts: OAuthFacts
    client_id: str
    nonce_hash: bytes
    access_token: Secret


def nonce_hash(nonce: str) -> bytes:
    """Return what stands for a nonce in the database."""
    return vault.keyed_hash("oauth-nonce", nonce.encode("utf-8", "replace"))


def verify(id_token: Secret, expected: Expected, *, now: datetime, send: Send) -> Identity:
    """Return who consented. Raises IdTokenRefused, or KeysUnreadable when the provider's keys cannot be had."""
    token = id_token.expose()
    header = _header_of(token)
    alg = _checked_header(header, expected.facts)
    claims = _signed_claims(token, header, alg, facts=expected.facts, now=now, send=send)
    _check_parties(claims, expected)
    _check_times(claims, now.timestamp())
    _check_nonce(claims, expected.nonce_hash)
    _check_at_hash(claims, alg, expected.access_token)
    return _identity(claims)


def _header_of(token: str) -> Mapping[str, Any]:
    try:
        header = jws.extract_compact(token.encode(), registry=LENIENT).protected
    except (JoseError, ValueError, TypeError, RecursionError):
        raise IdTokenRefused("malformed") from None
    if not isinstance(header, dict):
        raise IdTokenRefused("malformed")
    return header


def _checked_header(header: Mapping[str, Any], facts: OAuthFacts) -> str:
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in facts.id_token_algs:
        raise IdTokenRefused("alg")
    if any(name in header for name in REFUSED_HEADERS):
        raise IdTokenRefused("header")
    if "typ" in header and str(header["typ"]).lower() not in TYPES:
        raise IdTokenRefused("typ")  # an access token (at+jwt) or a logout token is no id_token (RFC 8725 3.11)
    return alg


def _signed_claims(
    token: str, header: Mapping[str, Any], alg: str, *, facts: OAuthFacts, now: datetime, send: Send
) -> Mapping[str, Any]:
    kid = header.get("kid")
    if "kid" in header and not isinstance(kid, str):
        raise IdTokenRefused("kid")
    key = find_key(facts.jwks_url, alg=alg, kid=kid, now=now, send=send)
    if key is None:
        raise IdTokenRefused("kid")
    only = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)  # joserfc reads its list here, not `algorithms`
    try:
        payload = jws.deserialize_compact(token, key, registry=only).payload
        claims = json.loads(payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise IdTokenRefused("signature") from None
    if not isinstance(claims, dict):
        raise IdTokenRefused("malformed")
    return claims


def _check_parties(claims: Mapping[str, Any], expected: Expected) -> None:
    if not expected.facts.issuer or claims.get("iss") != expected.facts.issuer:
        raise IdTokenRefused("iss")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or expected.client_id not in audiences:
        raise IdTokenRefused("aud")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != expected.client_id:
        raise IdTokenRefused("azp")


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    if expires is None or expires <= now_s - SKEW_S:
        raise IdTokenRefused("exp")
    if issued is None or not now_s - MAX_AGE_S <= issued <= now_s + SKEW_S:
        raise IdTokenRefused("iat")
    begins = _seconds(claims, "nbf")
    if "nbf" in claims and (begins is None or begins > now_s + SKEW_S):
        raise IdTokenRefused("nbf")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < 2**53 else None


def _check_nonce(claims: Mapping[str, Any], wanted: bytes) -> None:
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not wanted or not hmac.compare_digest(nonce_hash(nonce), wanted):
        raise IdTokenRefused("nonce")


def _check_at_hash(claims: Mapping[str, Any], alg: str, access_token: Secret) -> None:
    """Compare the access token's hash where the token has one. What cannot be compared does not match."""
    if "at_hash" not in claims:
        return
    said, digest = claims["at_hash"], HASHES.get(alg[2:])
    if not isinstance(said, str) or digest is None:
        raise IdTokenRefused("at_hash")
    whole = digest(access_token.expose_bytes()).digest()
    wanted = urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=")
    if not hmac.compare_digest(said.encode("utf-8", "replace"), wanted):
        raise IdTokenRefused("at_hash")


def _identity(claims: Mapping[str, Any]) -> Identity:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise IdTokenRefused("sub")
    return Identity(
        issuer=str(claims["iss"]),
        subject=subject,
        email=_label(claims.get("email")),
        is_email_verified=claims.get("email_verified") is True,
        name=_label(claims.get("name")),
    )


def _label(value: Any) -> str:
    return "".join(char for char in value if char.isprintable()).strip()[:200] if isinstance(value, str) else ""
