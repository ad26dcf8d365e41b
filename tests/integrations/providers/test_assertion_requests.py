"""A token request by a signed JWT is what the vendor's page or SDK shows, header and claims included."""

from __future__ import annotations

import json
import tomllib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from integrations.models import Connection, OAuthApp
from integrations.oauth import machine
from integrations.oauth.keeping import grant_url
from integrations.oauth.session import AuthorizationServer
from integrations.providers.registry import all_providers, get_provider
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import pem, read_jwt

pytestmark = pytest.mark.matrix  # no database: one engine is enough

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
FILES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*.toml"))}
WANTED = [
    pytest.param(key, tables["jwt_bearer"], id=key)
    for key, tables in FILES.items()
    if "url" in tables.get("jwt_bearer", {})
]


class Stopped(Exception):
    """The request was seen; nothing is answered."""


def connection_of(key: str, wanted: dict[str, Any]) -> Connection:
    """Return a connection that is in no database, with what a person fills in."""
    app = OAuthApp(provider_key=key, client_id="CLIENT")
    typed, scopes = wanted.get("typed", {}), wanted.get("scopes", [])
    return Connection(provider_key=key, kind="jwt_bearer", claims=typed, requested_scopes=scopes, oauth_app=app)


def in_words(jwt: str, wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims, the key's fingerprint in capitals, without the times and the id of the JWT."""
    header, claims = read_jwt(jwt)
    assert claims["exp"] - claims["iat"] <= wanted["longest_s"]
    assert claims["iat"] <= NOW.timestamp() < claims["exp"]
    assert NOW.timestamp() + wanted["longest_s"] >= claims["exp"]
    left = {name: value for name, value in claims.items() if name not in ("iat", "exp", "jti")}
    public = load_pem_private_key(pem().encode(), None).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = b64encode(sha256(der).digest()).decode()
    told = json.loads(json.dumps(left).replace(f"SHA256:{fingerprint}", "FINGERPRINT"))
    return {name: value for name, value in header.items() if name != "typ"}, told


@pytest.mark.parametrize(("key", "wanted"), WANTED)
def test_a_jwt_is_exchanged_as_the_vendor_shows_it(key: str, wanted: dict[str, Any]) -> None:
    sent: dict[str, Any] = {}

    def record(method: str, url: str, *, headers: Any, body: bytes, **_: Any) -> Any:
        sent.update(method=method, url=url, headers=dict(headers), body=dict(parse_qsl(body.decode())))
        raise Stopped

    provider = get_provider(key).of_kind("jwt_bearer").render(wanted.get("variables", {}))
    row, facts = connection_of(key, wanted), provider.oauth
    assert facts is not None
    url = grant_url(row, facts)
    secret = Secret("a.b.c") if facts.assertion.is_ready_made else Secret(pem())
    jwt = machine.assertion(row, facts, url, key=secret, now=NOW)
    app = ("CLIENT", Secret("SECRET")) if facts.assertion.needs_app else ("", None)
    server = AuthorizationServer(facts, *app, send=record)
    with pytest.raises(Stopped):
        server.for_assertion(jwt, url=url, scopes=row.requested_scopes, now=NOW)
    field = "client_assertion" if "client_assertion" in wanted["body"] else "assertion"
    text = sent["body"].pop(field)
    assert (sent["method"], sent["url"]) == (wanted["method"], wanted["url"])
    assert sent["body"] | {field: "JWT"} == wanted["body"]
    assert ("Authorization" in sent["headers"]) == ("Authorization" in wanted["headers"])
    if not facts.assertion.is_ready_made:
        assert in_words(text, wanted) == (wanted["jwt_header"], wanted["claims"])


SIGNED = [
    pytest.param(key, tables["jwt_bearer"], id=key)
    for key, tables in FILES.items()
    if "jwt_bearer" in tables and "url" not in tables["jwt_bearer"]
]


@pytest.mark.parametrize(("key", "wanted"), SIGNED)
def test_a_jwt_that_is_the_access_token_itself_says_what_the_vendor_shows(key: str, wanted: dict[str, Any]) -> None:
    provider = get_provider(key).of_kind("jwt_bearer").render(wanted.get("variables", {}))
    assert provider.oauth is not None
    row = connection_of(key, wanted)
    jwt = machine.assertion(row, provider.oauth, "", key=Secret(pem()), now=NOW)
    header, claims = in_words(jwt.expose(), wanted)
    assert (header, {name: text for name, text in claims.items() if text}) == (wanted["jwt_header"], wanted["claims"])
    headers = {"Authorization": provider.injection_for("jwt_bearer").value(token="JWT")} | dict(provider.static_headers)
    assert headers == wanted["headers"]


def test_who_signs_for_a_minute_is_never_taken_for_late() -> None:
    """Box takes an `exp` at most 60 seconds ahead; ours begins a little ago and must still be alive."""
    facts = get_provider("box").oauth
    assert facts is not None
    row = connection_of("box", {"typed": {"sub": "4711", "kid": "k"}})
    claims = read_jwt(machine.assertion(row, facts, facts.token_url, key=Secret(pem()), now=NOW).expose())[1]
    assert NOW + timedelta(seconds=15) < datetime.fromtimestamp(claims["exp"], UTC) <= NOW + timedelta(seconds=60)


def test_every_provider_that_is_signed_for_says_with_what() -> None:
    """A claim that nobody asks for and nothing makes would be missed only by the provider."""
    for provider in all_providers():
        if "jwt_bearer" not in provider.kinds or provider.oauth is None or provider.oauth.assertion.is_ready_made:
            continue
        facts = provider.oauth.assertion
        named = {claim.name for claim in facts.claims} | set(facts.made)
        assert named & {"iss", "kid"} or facts.key_encoding == "hex", provider.key
