"""What Keylodge sends to an authorization server is what the vendor's page shows."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from integrations.oauth.errors import GrantRefused
from integrations.oauth.session import AuthorizationServer
from integrations.providers.registry import all_providers, get_provider
from secrets_vault.secret import Secret

pytestmark = pytest.mark.matrix  # no database: one engine is enough

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
VERIFIER = "VERIFIER" + "v" * 40
KEYS = [each.key for each in all_providers() if each.oauth and (GOLDEN / f"{each.key}.toml").exists()]


class Stopped(Exception):
    """The request was seen; nothing is answered."""


class Recorder:
    """Takes the place of the network and keeps the one request."""

    def __call__(self, method: str, url: str, *, headers: Any, body: bytes, **more: Any) -> Any:
        """Keep the request and stop."""
        self.method, self.url, self.headers, self.body = method, url, dict(headers), body
        raise Stopped


def golden(table: str) -> list[Any]:
    """Return the golden requests of one kind by provider. What nobody confirms has none."""
    files = {key: tomllib.loads((GOLDEN / f"{key}.toml").read_text(encoding="utf-8")) for key in KEYS}
    return [pytest.param(key, tables[table], id=key) for key, tables in files.items() if table in tables]


def server(key: str, recorder: Recorder) -> AuthorizationServer:
    """Return a provider's authorization server as an OAuth app with plain names sees it."""
    oauth = get_provider(key).render({}).oauth
    assert oauth is not None
    secret = Secret("SECRET")
    return AuthorizationServer(oauth, "CLIENT", secret, "https://keys.example/oauth/callback", send=recorder)


def check(wanted: dict[str, Any], recorder: Recorder) -> None:
    """Compare a recorded request with a golden one. A verifier and a challenge differ each time."""
    is_json = "json" in wanted["headers"]["Content-Type"]
    sent = json.loads(recorder.body) if is_json else dict(parse_qsl(recorder.body.decode()))
    if "code_verifier" in sent:
        assert sent["code_verifier"] == VERIFIER
        sent["code_verifier"] = "VERIFIER"
    assert (recorder.method, recorder.url) == (wanted["method"], wanted["url"])
    assert {name: sent[name] for name in sent if name not in wanted.get("also_sent", [])} == wanted["body"]
    headers = {name.lower(): value.partition(";")[0] for name, value in recorder.headers.items()}
    for name, value in wanted["headers"].items():
        assert headers[name.lower()] == value
    assert ("authorization" in headers) == ("Authorization" in wanted["headers"])


@pytest.mark.parametrize(("key", "wanted"), golden("authorize"))
def test_the_consents_address_is_the_vendors(key: str, wanted: dict[str, Any]) -> None:
    at = server(key, Recorder())
    scopes = list(at.facts.default_scopes)
    sent = urlsplit(at.authorize_url(state="STATE", verifier=VERIFIER, required=scopes, optional=[]))
    query = dict(parse_qsl(sent.query))
    if "code_challenge" in wanted["query"]:
        query["code_challenge"] = "CHALLENGE"
    assert sent._replace(query="").geturl() == wanted["url"]
    also = set(wanted.get("also_sent", [])) - set(wanted["query"])
    assert {name: query[name] for name in query if name not in also} == wanted["query"]


@pytest.mark.parametrize(("key", "wanted"), golden("token"))
def test_a_code_is_exchanged_as_the_vendor_shows_it(key: str, wanted: dict[str, Any]) -> None:
    recorder = Recorder()
    with pytest.raises(Stopped):
        server(key, recorder).exchange("CODE", Secret(VERIFIER), now=NOW)
    check(wanted, recorder)


@pytest.mark.parametrize(("key", "wanted"), golden("refresh"))
def test_a_refresh_is_asked_for_as_the_vendor_shows_it(key: str, wanted: dict[str, Any]) -> None:
    recorder = Recorder()
    with pytest.raises(Stopped):
        server(key, recorder).refresh(Secret("REFRESH"), now=NOW)
    check(wanted, recorder)


@pytest.mark.parametrize(("key", "wanted"), golden("revoke"))
def test_a_revocation_is_asked_for_as_the_vendor_shows_it(key: str, wanted: dict[str, Any]) -> None:
    recorder = Recorder()
    with pytest.raises((Stopped, GrantRefused)):
        server(key, recorder).revoke(Secret("REFRESH"), hint="refresh_token", now=NOW)
    check(wanted, recorder)


@pytest.mark.parametrize(
    ("key", "url", "more"),
    [
        ("figma", "https://api.figma.com/v1/oauth/refresh", {}),
        ("basecamp", "https://launchpad.37signals.com/authorization/token", {"type": "refresh"}),
        ("zendesk", "https://acme.zendesk.com/oauth/tokens", {"expires_in": "1800"}),
    ],
)
def test_a_refresh_goes_where_the_facts_say_with_what_they_say(key: str, url: str, more: dict[str, str]) -> None:
    recorder = Recorder()
    variables = {each.name: each.example for each in get_provider(key).variables if each.source == "form"}
    oauth = get_provider(key).of_kind("oauth2").render(variables).oauth
    assert oauth is not None
    at = AuthorizationServer(oauth, "CLIENT", Secret("SECRET"), "https://keys.example/oauth/callback", send=recorder)
    with pytest.raises(Stopped):
        at.refresh(Secret("REFRESH"), now=NOW)
    is_json = oauth.token_body == "json"
    sent = json.loads(recorder.body) if is_json else dict(parse_qsl(recorder.body.decode()))
    assert recorder.url == url
    assert {"grant_type": "refresh_token", "refresh_token": "REFRESH", **more}.items() <= sent.items()


def test_a_code_of_bigcommerce_is_exchanged_for_its_own_store() -> None:
    oauth = get_provider("bigcommerce").render({"store_hash": "abc123def4"}).oauth
    assert oauth is not None
    assert oauth.token_params["context"] == "stores/abc123def4"
