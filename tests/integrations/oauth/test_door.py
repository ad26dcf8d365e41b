"""Every token request is built by Authlib and leaves by the one door."""

from __future__ import annotations

import ast
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from integrations import outbound
from integrations.oauth.answers import Answer, read_code, read_scopes, retry_after_s
from integrations.oauth.session import AuthorizationServer
from integrations.providers.oauth_facts import OAuthFacts
from secrets_vault.secret import Secret
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.matrix  # no database: one engine is enough

ROOM = Path(__file__).resolve().parents[3] / "integrations"
FACTS = {"authorize_url": "https://a.example/authorize", "token_url": "https://a.example/token"}


def asked_of(call, **facts):
    """Return what one call would send."""
    sent = []

    def send(method, url, **request):
        sent.append((method, url, request))
        return outbound.Answer(200, (), b'{"access_token": "t", "active": true, "token": "echoed"}')

    own = {"revoke_url": "https://a.example/revoke", "introspect_url": "https://a.example/introspect"}
    server = AuthorizationServer(
        OAuthFacts(**FACTS | own | facts),
        "the-id",
        Secret("the-secret"),
        redirect_uri="https://k.example/cb",
        send=send,
    )
    call(server)
    assert len(sent) == 1
    return sent[0]


@pytest.mark.parametrize(
    ("call", "url", "grant"),
    [
        (lambda s: s.exchange("c", Secret("v" * 43), now=NOW), "token", ["authorization_code"]),
        (lambda s: s.refresh(Secret("r"), now=NOW), "token", ["refresh_token"]),
        (lambda s: s.revoke(Secret("r"), hint="refresh_token", now=NOW), "revoke", None),
        (lambda s: s.introspect(Secret("r"), hint="refresh_token", now=NOW), "introspect", None),
    ],
)
def test_secrets_travel_in_the_body_and_never_in_the_address(call, url, grant):
    method, sent_to, request = asked_of(call)
    form = parse_qs(request["body"].decode())
    assert (method, sent_to, form.get("grant_type")) == ("POST", f"https://a.example/{url}", grant)
    assert (form["client_id"], form["client_secret"]) == (["the-id"], ["the-secret"])
    assert "Authorization" not in request["headers"]


def test_basic_and_json_follow_the_providers_facts():
    _, _, request = asked_of(
        lambda s: s.exchange("c", Secret("v" * 43), now=NOW), token_auth_method="client_secret_basic", token_body="json"
    )
    assert request["headers"]["Authorization"] == "Basic dGhlLWlkOnRoZS1zZWNyZXQ="
    assert request["headers"]["Content-Type"] == "application/json"
    assert b"the-secret" not in request["body"]
    assert b'"code_verifier": "vvv' in request["body"]


@pytest.mark.parametrize(
    ("style", "kind"), [("rfc7009", "application/json"), ("form", "application/x-www-form-urlencoded")]
)
def test_a_revocation_in_a_form_is_one_where_the_token_endpoint_reads_json(style, kind):
    _, _, request = asked_of(
        lambda s: s.revoke(Secret("r"), hint="refresh_token", now=NOW), revoke_style=style, token_body="json"
    )
    assert request["headers"]["Content-Type"].partition(";")[0] == kind
    assert (b"client_secret=the-secret" in request["body"]) == (style == "form")


def test_pkce_is_left_out_only_where_the_providers_own_page_refuses_it():
    refusing = {"pkce": "refused", "pkce_source": "https://a.example/docs"}
    _, _, request = asked_of(lambda s: s.exchange("c", Secret("v" * 43), now=NOW), **refusing)
    assert b"code_verifier" not in request["body"]
    for pkce in ("required", "supported", "unknown"):
        _, _, request = asked_of(lambda s: s.exchange("c", Secret("v" * 43), now=NOW), pkce=pkce)
        assert b"code_verifier" in request["body"]


def test_introspection_does_not_hand_the_echoed_token_on():
    found = {}
    asked_of(lambda s: found.update(s.introspect(Secret("r"), hint="refresh_token", now=NOW)))
    assert found == {"active": True}


def test_authlib_and_token_endpoints_are_met_in_one_file_only():
    """Authlib is imported, and `outbound.send` handed a token URL, in oauth/session.py and the sandbox alone.

    What signs a call by OAuth 1 asks no token endpoint: it takes the words of RFC 5849 from Authlib.
    """
    for file in sorted(ROOM.rglob("*.py")):
        name = file.relative_to(ROOM).as_posix()
        if name.startswith("sandbox/") or name == "oauth/session.py":
            continue
        signs_calls = name == "injecting/oauth1.py"
        for node in ast.walk(ast.parse(file.read_text())):
            imported = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported = [one for one in imported if not (signs_calls and one.startswith("authlib.oauth1.rfc5849."))]
            assert not any(module.split(".")[0] == "authlib" for module in imported), f"{name} imports authlib"
        named = name in ("oauth/answers.py", "providers/spelling_facts.py") or "masking" in name
        assert "grant_type" not in file.read_text() or named, name


@pytest.mark.parametrize("error", ["x" * 100, "bad code", 7, None, {"a": 1}, "<b>", "é"])
def test_an_error_code_that_is_no_code_is_unknown(error):
    assert read_code(error) == "unknown"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("0", 1), ("99999999999999", 3600), ("-5", None), ("", None), ("x", None),
     ("Sun, 22 Nov 2026 12:01:00 GMT", 60), ("Sun, 22 Nov 1999 12:01:00 GMT", 1),
     ("Sun, 22 Nov 99999 12:01:00 GMT", None)],
)  # fmt: skip
def test_retry_after_is_read_and_clamped(header, seconds):
    assert retry_after_s(header, now=NOW) == seconds


@pytest.mark.parametrize(
    ("value", "scopes"),
    [("b a", ("a", "b")), ("a,b", ("a", "b")), (["b", "a", 7], ("a", "b")), (None, None), ({"a": 1}, None), ("", ())],
)
def test_granted_scopes_come_as_text_or_list(value, scopes):
    assert read_scopes(value, " ") == scopes


def test_an_answer_shows_nothing_of_itself():
    answer = Answer(200, ((b"x", b"CANARY"),), b'{"access_token": "CANARY"}')
    assert "CANARY" not in repr(answer)
