"""Plaid: a JWT by ES256 that holds the hash of the body; the key is named by its id.

Plaid gives the key only to an account that signs in, so nothing is fetched: it is part of the secret.
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from typing import Any

from integrations.webhooks import documents
from integrations.webhooks.decoding import decoded
from integrations.webhooks.freshness import DEFAULT_TOLERANCE_S, check_fresh
from integrations.webhooks.places import place, required
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.functions import jwt
from integrations.webhooks.schemes.functions.secrets import BEGIN, keys_of
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused
from secrets_vault import signatures

HEADER = "header:Plaid-Verification"
KEY_URL = "https://production.plaid.com/webhook_verification_key/get"


def prove(case: Case) -> Proven:
    """Return what the token proves. Raises Refused."""
    token = _token(case.request)
    number, canonical = _verified(case, token)
    made_at = token.time("iat")
    if made_at is None:
        raise Refused("missing", "The token does not say when it was made.")
    check_fresh(made_at, now=case.now, tolerance_s=DEFAULT_TOLERANCE_S)
    body_hash = hashlib.sha256(case.request.body).hexdigest()
    if not hmac.compare_digest(body_hash.encode(), token.claim("request_body_sha256").encode()):
        raise Refused("mismatch", "The body is not the one whose hash was signed.")
    return Proven(canonical, token.signed, number, made_at)


def _token(request: WebhookRequest) -> jwt.Token:
    written = required(request, place(HEADER), ", which should hold a token")
    return jwt.parse(written, algorithm="ES256")


def _verified(case: Case, token: jwt.Token) -> tuple[int, bytes]:
    """Return which secret holds the key, and the signature in its canonical form. Raises Refused."""
    kid = documents.text_at(token.header, "kid")
    keys = _keys(case, kid)
    if not keys:
        raise Refused("no_secret", "The key that the token names is not at hand.")
    for number, key in keys:
        with suppress(signatures.BadSignature, signatures.BadPublicKey):
            return number, signatures.verify_es256(key, token.signature, token.signed)
    raise Refused("mismatch", "The token is not signed by the key that it names.")


def _keys(case: Case, kid: str) -> list[tuple[int, bytes]]:
    """Return the keys of this id: those that a secret holds, and the one that was fetched."""
    held = keys_of(case) if any(case.secrets) else []
    fetched = case.keys.find(f"{KEY_URL}#{kid}")
    materials = held + ([(0, fetched)] if fetched is not None else [])
    return [(number, key) for number, material in materials for key in _public_keys(case, material, kid)]


def _public_keys(case: Case, material: bytes, kid: str) -> list[bytes]:
    """Return the P-256 keys of this id in a PEM block, a JWK, Plaid's answer around one, or a set of them."""
    if material.startswith(BEGIN):
        return [material]
    try:
        document = documents.parse(material)
        found = [jwk for path in ("keys.*", "key") for jwk in documents.values_at(document, path)] or [document]
        return [_pem(jwk) for jwk in found if _is_usable(case, jwk, kid)]
    except (Refused, ValueError):
        return []


def _is_usable(case: Case, jwk: Any, kid: str) -> bool:
    ended_at = documents.text_at(jwk, "expired_at")
    return documents.text_at(jwk, "kid") == kid and not (ended_at and float(ended_at) <= case.now.timestamp())


def _pem(jwk: Any) -> bytes:
    """Return a JWK (RFC 7518 section 6.2) as PEM. Raises ValueError."""
    if (documents.text_at(jwk, "kty"), documents.text_at(jwk, "crv")) != ("EC", "P-256"):
        raise ValueError("is no P-256 key")
    x, y = (decoded(documents.text_at(jwk, name), "base64url") for name in ("x", "y"))
    return signatures.p256_pem(x, y)
