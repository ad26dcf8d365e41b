"""A provider that sends id_tokens: it answers in place of the network, with real keys and real signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from integrations.models import Connection, CustomProvider
from integrations.oauth import flow
from integrations.oauth.app import make_app
from integrations.oauth.connecting import Finished
from integrations.oauth.flow import Callback
from integrations.outbound import Answer, Unreachable
from integrations.providers.custom import custom_from
from secrets_vault.actor import Actor
from secrets_vault.models import User
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.oauth.world import BROWSER, NOW

ISSUER = "https://id.example.com/tenant-1"
TOKEN_URL, JWKS_URL = f"{ISSUER}/token", f"{ISSUER}/keys"
CLIENT_ID, ACCESS = "app-1", "access-token-of-the-provider"
OPENID_FACTS = {"jwks_url": JWKS_URL, "default_scopes": ["openid", "things.read"]}


def short_rsa() -> bytes:
    """Return an RSA key of 1024 bits, as PEM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RSAKey.generate_key(1024).as_pem(private=True)


KEYS = {
    "rsa": RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"}),
    "other": RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"}),
    "next": RSAKey.generate_key(2048, {"kid": "rsa-2", "use": "sig"}),
    "weak": RSAKey.import_key(short_rsa(), {"kid": "weak"}),
    "enc": RSAKey.generate_key(2048, {"kid": "enc"}),
    "ec": ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig"}),
}


def public(name: str, **more: Any) -> dict[str, Any]:
    """Return the public half of one of our keys, as a provider publishes it."""
    return dict(KEYS[name].as_dict(private=False)) | more


def b64(raw: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def at_hash(access_token: str = ACCESS, *, alg: str = "RS256") -> str:
    """Return the half hash of an access token as an algorithm has it."""
    whole = hashlib.new(f"sha{alg[2:]}", access_token.encode()).digest()
    return b64(whole[: len(whole) // 2])


class Provider:
    """The authorization server. `forge` may change the claims or the header, or write the whole token itself."""

    def __init__(self) -> None:
        self.published = [public("rsa"), public("weak"), public("enc", use="enc")]
        self.claims: dict[str, Any] = {}
        self.whole: dict[str, Any] = {}
        self.forge: Callable[[dict[str, Any]], str | None] | None = None
        self.granted = "openid things.read"
        self.asked: list[str] = []
        self.jwks_status, self.jwks_body, self.is_down = 200, None, False

    def begin(self, connection: Connection, user: User) -> Callback:
        """Start a consent and return the callback that the browser brings back."""
        url = flow.start(connection, user=user, actor=Actor.of(user), browser_secret=BROWSER, now=NOW)
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.query = query
        self.whole = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "sub": "user-1",
            "iat": int(NOW.timestamp()),
            "exp": int(NOW.timestamp()) + 300,
            "nonce": query.get("nonce"),
            "email": "office@acme.example",
            "email_verified": True,
            "at_hash": at_hash(),
        } | self.claims
        return Callback(state=query["state"], code="code-1", browser_secret=BROWSER)

    def connect(self, connection: Connection, user: User, **changes: Any) -> Finished:
        """Consent and finish it."""
        callback = self.begin(connection, user)
        return flow.finish(callback, user=user, now=changes.get("now", NOW), send=self.send)

    def send(self, method: str, url: str, **more: Any) -> Answer:
        """Answer as the provider does."""
        self.asked.append(url)
        if url == TOKEN_URL:
            token = (self.forge or signed)(dict(self.whole))
            table = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 3600, "scope": self.granted}
            return Answer(200, (), json.dumps(table | ({} if token is None else {"id_token": token})).encode())
        if url != JWKS_URL or self.is_down:
            raise Unreachable("nobody there")
        body = self.jwks_body or json.dumps({"keys": self.published}).encode()
        return Answer(self.jwks_status, (), body)


def signed(
    claims: dict[str, Any], *, key: str = "rsa", alg: str = "RS256", header: dict[str, Any] | None = None
) -> str:
    """Return claims signed by one of our keys."""
    made_with = KEYS[key]
    whole = {"alg": alg, "typ": "JWT", "kid": made_with.kid or "rsa-1"} | (header or {})
    whole = {name: value for name, value in whole.items() if value is not None}
    only = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    return jws.serialize_compact(whole, json.dumps(claims), made_with, registry=only)


def keyed(claims: dict[str, Any], secret: bytes) -> str:
    """Return claims under an HMAC, for the confusion of a public key with a secret (RFC 8725 section 2.1)."""
    signing_input = unsigned({"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}, claims).rpartition(".")[0]
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """Return a token put together by hand."""
    return ".".join([b64(json.dumps(header).encode()), b64(json.dumps(claims).encode()), b64(signature)])


def make_openid_connection(user: User, *, slug: str = "acme-openid", **oauth: Any) -> Connection:
    """Return a connection to a described provider that sends id_tokens."""
    table = {
        "base_url": "https://api.example.com",
        "authorize_url": f"{ISSUER}/authorize",
        "token_url": TOKEN_URL,
        "issuer": ISSUER,
    }
    facts = custom_from(
        table, key="custom-openid", name="Example ID", today=date(2026, 11, 22), oauth=OPENID_FACTS | oauth
    )
    CustomProvider.objects.get_or_create(key="custom-openid", defaults={"name": "Example ID", "facts": facts})
    app = make_app(
        f"App of {slug}",
        "custom-openid",
        client_id=CLIENT_ID,
        client_secret=Secret("app-secret-of-example"),
        actor=Actor.of(user),
    )
    client = make_client()
    environment = client.environments.first()
    return Connection.objects.create(
        slug=slug, client=client, environment=environment, provider_key="custom-openid", kind="oauth2", oauth_app=app
    )
