"""The app, codes, tokens and requests of the sandbox in the shapes that Authlib's server side asks for."""

from __future__ import annotations

import hmac
import time
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request

from integrations.sandbox.wire import Request
from integrations.sandbox.world import Grant, World

AUTH_METHODS = ["client_secret_post", "client_secret_basic"]
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANT_TYPES = ["authorization_code", "refresh_token", "client_credentials", JWT_BEARER]


class App:
    """The one OAuth app of the sandbox (Authlib's ClientMixin by shape)."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get_client_id(self) -> str:
        return self.world.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Accept what HubSpot accepts: https with a domain, or http on this machine."""
        parts = urlsplit(redirect_uri)
        is_local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        return bool(parts.hostname) and not parts.fragment and (parts.scheme == "https" or is_local)

    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(client_secret.encode(), self.world.client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in AUTH_METHODS

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANT_TYPES


@dataclass
class Code:
    """An authorization code, good for one exchange in a minute."""

    redirect_uri: str
    account: str
    scopes: list[str]
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: float
    family: str
    is_used: bool = False

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.scopes)


class Token:
    """A stored grant in the shape that Authlib asks."""

    def __init__(self, world: World, text: str, grant: Grant) -> None:
        self.world, self.text, self.grant = world, text, grant

    def check_client(self, client: App) -> bool:
        return True

    def get_scope(self) -> str:
        return " ".join(self.grant.scopes)

    def is_expired(self) -> bool:
        return self.grant.expires_at is not None and self.grant.expires_at <= time.time()

    def is_revoked(self) -> bool:
        return self.grant.family in self.world.withdrawn or self.world.is_spent(self.grant, time.time())


class Payload(OAuth2Payload):
    """The parameters of a request: of the query for a consent, of the body elsewhere."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = defaultdict(list, values)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[-1] for name, values in self._values.items()}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._values


class ServerRequest(OAuth2Request):
    """A sandbox request as Authlib wants to see one."""

    def __init__(self, request: Request, url: str) -> None:
        super().__init__(request.method, url + request.target, headers=dict(request.headers))
        self._form = request.form
        is_consent = request.path.endswith("/authorize")
        self.payload = Payload(request.query if is_consent else {k: [v] for k, v in request.form.items()})

    @property
    def args(self) -> dict[str, str]:
        return self.payload.data

    @property
    def form(self) -> dict[str, str]:
        return self._form
