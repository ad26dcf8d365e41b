"""A real OAuth 2 authorization server: Authlib's server side behind a thin adapter of our own.

Shaped like HubSpot's: 30-minute access tokens, `scope` and `optional_scope`, an answer that
names the account. RFC 6749, 7009, 7523, 7636 (S256 only), 7662, 8414 and, when asked, 9207.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidScopeError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter

from integrations.sandbox.machine import AppGrant, ServiceAccountGrant
from integrations.sandbox.scopes import granted_scopes, known_scopes, scope_mismatch
from integrations.sandbox.shapes import AUTH_METHODS, GRANT_TYPES, App, Code, ServerRequest, Token
from integrations.sandbox.wire import Request, Response, json_answer
from integrations.sandbox.world import PORTALS, Grant, World

CODE_TTL_S = 60


class CodeGrant(AuthorizationCodeGrant):
    """RFC 6749 section 4.1. A code used twice withdraws what it gave (section 4.1.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        world, data = self.server.world, request.payload.data
        world.codes[code] = Code(
            redirect_uri=request.payload.redirect_uri,
            account=request.user,
            scopes=granted_scopes(world, data),
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
            expires_at=time.time() + CODE_TTL_S,
            family=secrets.token_hex(16),
        )

    def query_authorization_code(self, code: str, client: App) -> Code | None:
        found = self.server.world.codes.get(code)
        if found and found.is_used:
            self.server.world.withdraw(found.family)
            return None
        return found if found and found.expires_at > time.time() else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        authorization_code.is_used = True

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.account


class RefreshGrant(RefreshTokenGrant):
    """RFC 6749 section 6. When rotation is on, a refresh token seen again after its grace ends its whole family."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        world = self.server.world
        grant = world.find_grant(refresh_token, "refresh")
        if grant and world.is_spent(grant, time.time()):
            world.withdraw(grant.family)
        return Token(world, refresh_token, grant) if grant and world.is_live(grant, time.time()) else None

    def authenticate_user(self, refresh_token: Token) -> str:
        return refresh_token.grant.account

    def issue_token(self, user: str, refresh_token: Token) -> dict[str, Any]:
        is_rotating = self.server.world.ways.rotate
        scope = self.request.payload.scope or refresh_token.get_scope()
        token: dict[str, Any] = self.generate_token(user=user, scope=scope, include_refresh_token=is_rotating)
        token.setdefault("refresh_token", refresh_token.text)
        return token

    def revoke_old_credential(self, refresh_token: Token) -> None:
        if self.server.world.ways.rotate and not refresh_token.grant.is_replaced:
            refresh_token.grant.is_replaced, refresh_token.grant.replaced_at = True, time.time()
        self.server.world.save()


class S256Only(CodeChallenge):
    """RFC 7636 without the method that protects nothing."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]


class Revocation(RevocationEndpoint):
    """RFC 7009: either token of a consent ends it."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        grant = self.server.world.find_grant(token_string)
        return Token(self.server.world, token_string, grant) if grant else None

    def revoke_token(self, token: Token, request: OAuth2Request) -> None:
        self.server.world.withdraw(token.grant.family)


class Introspection(IntrospectionEndpoint):
    """RFC 7662 with HubSpot's fields."""

    CLIENT_AUTH_METHODS = AUTH_METHODS
    query_token = Revocation.query_token

    def check_permission(self, token: Token, client: App, request: OAuth2Request) -> bool:
        return True

    def introspect_token(self, token: Token) -> dict[str, Any]:
        grant = token.grant
        answer = {"active": True, "client_id": self.server.world.client_id, "token_type": "bearer"}
        answer |= {"token_use": f"{grant.kind}_token", "token": token.text} | account_fields(grant)
        if grant.expires_at is not None:
            answer["expires_in"] = max(0, int(grant.expires_at - time.time()))
        return answer


class Issuer(IssuerParameter):
    """RFC 9207, when the control URL asks for it."""

    def __init__(self, server: HubSpotServer) -> None:
        self.world = server.world
        self(server)

    def get_issuer(self) -> str | None:
        return self.world.url if self.world.ways.iss else None


class HubSpotServer(AuthorizationServer):
    """Authlib's authorization server over the sandbox's world."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.app = App(world)
        self.register_token_generator("default", self.make_token)
        self.register_grant(CodeGrant, [S256Only(required=False)])
        self.register_grant(RefreshGrant)
        self.register_grant(AppGrant)
        self.register_grant(ServiceAccountGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)
        self.register_extension(Issuer)

    def query_client(self, client_id: str) -> App | None:
        return self.app if client_id == self.world.client_id else None

    def validate_requested_scope(self, scope: str | None) -> None:
        """Refuse what HubSpot refuses: a required scope left out, or one the app does not have."""
        if mismatch := scope_mismatch(self.world, scope or ""):
            raise InvalidScopeError(mismatch)

    def make_token(
        self, *, scope: str | None, include_refresh_token: bool, user: str | None = None, **_: Any
    ) -> dict[str, Any]:
        """Return a token; one that nobody consented to is for the first account."""
        user, scope = user or next(iter(PORTALS)), scope or " ".join(self.world.ways.required_scopes)
        token: dict[str, Any] = {
            "token_type": "bearer",
            "token_use": "access_token",
            "access_token": f"CSandbox{secrets.token_urlsafe(60)}",
            "expires_in": self.world.ways.token_ttl_s,
            "scope": scope,
        }
        if include_refresh_token:
            token["refresh_token"] = f"na1-{secrets.token_hex(4)}-{secrets.token_urlsafe(24)}"
        return token | account_fields(Grant("access", "", user, scope.split()))

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        code, old = request.authorization_code, request.refresh_token
        family = code.family if code else old.grant.family if old else secrets.token_hex(16)
        scopes = token["scope"].split()
        expires_at = time.time() + token["expires_in"]
        self.world.keep_grant(token["access_token"], Grant("access", family, str(token["hub_id"]), scopes, expires_at))
        if "refresh_token" in token and (old is None or token["refresh_token"] != old.text):
            self.world.keep_grant(token["refresh_token"], Grant("refresh", family, request.user, scopes))

    def create_oauth2_request(self, request: Request | OAuth2Request) -> OAuth2Request:
        return request if isinstance(request, OAuth2Request) else ServerRequest(request, self.world.url)

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        if not isinstance(body, dict):
            return Response(status, str(body or "").encode(), list(headers))
        kept = [(name, value) for name, value in headers if name.lower() != "content-type"]
        return json_answer(body | legacy_error(body), status, kept)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


def account_fields(grant: Grant) -> dict[str, Any]:
    """Return the fields by which HubSpot says who consented to what."""
    return {"hub_id": int(grant.account), "user_id": 4242, "app_id": 777, "scopes": list(grant.scopes)}


def legacy_error(body: dict[str, Any]) -> dict[str, str]:
    """Return the older fields that HubSpot keeps beside the RFC's in an error."""
    if "error" not in body:
        return {}
    text = str(body.get("error_description") or "refresh token is invalid, expired or revoked")
    status = "BAD_REFRESH_TOKEN" if body["error"] == "invalid_grant" else str(body["error"]).upper()
    return {"error_description": text, "status": status, "message": text}


def metadata(world: World) -> dict[str, Any]:
    """Return the RFC 8414 document."""
    return {
        "issuer": world.url,
        "authorization_endpoint": f"{world.url}/oauth/authorize",
        "token_endpoint": f"{world.url}/oauth/2026-03/token",
        "revocation_endpoint": f"{world.url}/oauth/2026-03/token/revoke",
        "introspection_endpoint": f"{world.url}/oauth/2026-03/token/introspect",
        "scopes_supported": sorted(known_scopes(world)),
        "response_types_supported": ["code"],
        "grant_types_supported": GRANT_TYPES,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "authorization_response_iss_parameter_supported": world.ways.iss,
    }
