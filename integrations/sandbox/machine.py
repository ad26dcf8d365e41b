"""Tokens without anybody's consent: for the OAuth app itself, and for a service account that signs a JWT.

RFC 6749 section 4.4 and RFC 7523 section 2.1. The service account's key follows from the sandbox's seed, so it
outlives a restart and no file holds it.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from authlib.oauth2.rfc6749 import BaseGrant, InvalidGrantError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7523 import JWTBearerGrant
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from integrations.sandbox.shapes import AUTH_METHODS, App
from integrations.sandbox.world import PORTALS, World

ACCOUNT_EMAIL = "automation@acme-sandbox.example"
# An Ed25519 private key in PKCS #8 (RFC 8410 section 7) is these bytes and a seed of 32.
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")


class Unscoped(BaseGrant):
    """Without a scope in the request, what the app must have is given: there is no consent that could say less."""

    def validate_requested_scope(self) -> None:
        if self.request.payload.scope:
            super().validate_requested_scope()


class AppGrant(Unscoped, ClientCredentialsGrant):
    """RFC 6749 section 4.4."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS


class ServiceAccountGrant(Unscoped, JWTBearerGrant):
    """RFC 7523 section 2.1 for the one service account that the sandbox has."""

    def process_assertion_claims(self, assertion: str) -> dict[str, Any]:
        """Return the claims of a JWT that the service account signed, for us, and not too long ago."""
        try:
            found = jwt.decode(assertion, OKPKey.import_key(private_pem(self.server.world)), algorithms=["EdDSA"])
        except (JoseError, ValueError):
            raise InvalidGrantError("Invalid JWT Signature.") from None
        self.verify_claims(found.claims)
        if found.claims["iss"] != ACCOUNT_EMAIL:
            raise InvalidGrantError("Invalid grant: account not found")
        return found.claims

    def get_audiences(self) -> list[str]:
        world = self.server.world
        return [world.url, f"{world.url}/oauth/2026-03/token"]

    def resolve_issuer_client(self, issuer: str) -> App:
        return self.server.app

    def authenticate_user(self, subject: str) -> str | None:
        return subject if subject in PORTALS else None

    def has_granted_permission(self, client: App, user: str) -> bool:
        return True


def private_pem(world: World) -> str:
    """Return the service account's private key."""
    seed = hashlib.sha256(world.derive("service account").encode()).digest()
    lines = base64.b64encode(PKCS8 + seed).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"


def service_account(world: World) -> dict[str, str]:
    """Return the file that a provider lets one download for a service account, in Google's form."""
    return {
        "type": "service_account",
        "private_key_id": world.derive("service account id", 20),
        "private_key": private_pem(world),
        "client_email": ACCOUNT_EMAIL,
        "token_uri": f"{world.url}/oauth/2026-03/token",
    }
