"""What Keylodge sends to an authorization server is what the vendor's page shows."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from integrations.oauth.errors import GrantRefused
from integrations.oauth.session import AuthorizationServer
from integrations.providers.registry import get_provider
from secrets_vault.secret import Secret
from tests.integrations.providers.recording import Recorded, Recorder, headers_of, recorder, tables

__all__ = ["recorder"]
pytestmark = pytest.mark.matrix  # no database: one engine is enough

NOW = datetime(2026, 11, 22, tzinfo=UTC)
VERIFIER = "VERIFIER" + "v" * 40


def server(key: str, wanted: dict[str, Any] | None = None, *, kind: str = "oauth2") -> AuthorizationServer:
    """Return a provider's authorization server as an OAuth app with plain names sees it."""
    provider = get_provider(key).of_kind(kind).render((wanted or {}).get("variables", {}))
    assert provider.oauth is not None
    return AuthorizationServer(provider.oauth, "CLIENT", Secret("SECRET"), "https://keys.example/oauth/callback")


def check(wanted: dict[str, Any], sent: Recorded) -> None:
    """Compare a recorded request with a golden one. A verifier and a challenge differ each time."""
    form, headers = sent.form, headers_of(wanted)
    if "code_verifier" in form:
        assert form["code_verifier"] == VERIFIER
        form["code_verifier"] = "VERIFIER"
    assert (sent.method, sent.url, sent.query) == (wanted["method"], wanted["url"], wanted.get("query", {}))
    assert {name: form[name] for name in form if name not in wanted.get("also_sent", [])} == wanted["body"]
    got = {name: value.partition(";")[0] if name == "content-type" else value for name, value in sent.headers.items()}
    assert got.items() >= headers.items()
    assert ("authorization" in got) == ("authorization" in headers)


@pytest.mark.parametrize(("key", "wanted"), tables("authorize"))
def test_the_consents_address_is_the_vendors(key: str, wanted: dict[str, Any]) -> None:
    at = server(key, wanted)
    scopes = list(at.facts.default_scopes)
    address, _, text = at.authorize_url(state="STATE", verifier=VERIFIER, required=scopes, optional=[]).partition("?")
    query = dict(parse_qsl(text))
    if "code_challenge" in wanted["query"]:
        query["code_challenge"] = "CHALLENGE"
    assert address == wanted["url"]
    also = set(wanted.get("also_sent", [])) - set(wanted["query"])
    assert {name: query[name] for name in query if name not in also} == wanted["query"]


@pytest.mark.parametrize(("key", "wanted"), tables("token"))
def test_a_code_is_exchanged_as_the_vendor_shows_it(recorder: Recorder, key: str, wanted: dict[str, Any]) -> None:
    with suppress(GrantRefused):  # the answer says nothing; what was asked is the point
        server(key, wanted).exchange("CODE", Secret(VERIFIER), now=NOW)
    check(wanted, recorder.last())


@pytest.mark.parametrize(("key", "wanted"), tables("refresh"))
def test_a_refresh_is_asked_for_as_the_vendor_shows_it(recorder: Recorder, key: str, wanted: dict[str, Any]) -> None:
    with suppress(GrantRefused):
        server(key, wanted).refresh(Secret("REFRESH"), now=NOW)
    check(wanted, recorder.last())


@pytest.mark.parametrize(("key", "wanted"), tables("revoke"))
def test_a_revocation_is_asked_for_as_the_vendor_shows_it(recorder: Recorder, key: str, wanted: dict[str, Any]) -> None:
    with suppress(GrantRefused):
        server(key, wanted).revoke(Secret("REFRESH"), hint="refresh_token", now=NOW)
    check(wanted, recorder.last())


@pytest.mark.parametrize(("key", "wanted"), tables("client_credentials"))
def test_an_app_asks_for_its_own_token_as_the_vendor_shows_it(
    recorder: Recorder, key: str, wanted: dict[str, Any]
) -> None:
    at = server(key, wanted, kind="client_credentials")
    with suppress(GrantRefused):
        at.for_itself(wanted.get("scopes", at.facts.default_scopes), now=NOW)
    check(wanted, recorder.last())


@pytest.mark.parametrize(
    ("key", "url", "more"),
    [
        ("figma", "https://api.figma.com/v1/oauth/refresh", {}),
        ("zendesk", "https://acme.zendesk.com/oauth/tokens", {"expires_in": "1800"}),
    ],
)
def test_a_refresh_goes_where_the_facts_say_with_what_they_say(
    recorder: Recorder, key: str, url: str, more: dict[str, str]
) -> None:
    variables = {each.name: each.example for each in get_provider(key).variables if each.source == "form"}
    with suppress(GrantRefused):
        server(key, {"variables": variables}).refresh(Secret("REFRESH"), now=NOW)
    assert recorder.last().url == url
    assert {"grant_type": "refresh_token", "refresh_token": "REFRESH", **more}.items() <= recorder.last().form.items()


def test_a_code_of_bigcommerce_is_exchanged_for_its_own_store() -> None:
    oauth = get_provider("bigcommerce").render({"store_hash": "abc123def4"}).oauth
    assert oauth is not None
    assert oauth.token_params["context"] == "stores/abc123def4"
