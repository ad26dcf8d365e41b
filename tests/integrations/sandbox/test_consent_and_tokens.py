"""The sandbox's authorization server, from outside."""

from __future__ import annotations

import base64
import re
import time

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from tests.integrations.sandbox.conftest import REDIRECT, VERIFIER

pytestmark = [pytest.mark.processes, pytest.mark.matrix]  # no database: one engine is enough


def test_a_consent_gives_tokens_for_the_chosen_account(sandbox):
    token = sandbox.exchange(account="13579246").json
    assert token["hub_id"] == 13579246
    assert token["expires_in"] == 1800
    assert token["scopes"] == ["oauth", "crm.objects.contacts.read"]
    assert sandbox.hubspot(token["access_token"]).json["portalId"] == 13579246


def test_the_consent_page_says_that_it_is_a_sandbox_and_is_a_plain_labelled_form(sandbox):
    answer = sandbox.call("GET", sandbox.authorize_target(optional_scope="crm.objects.deals.read"))
    html = answer.body.decode()
    assert answer.status == 200
    assert '<html lang="en">' in html
    assert "not the real HubSpot" in html
    assert "Look at contacts" in html
    assert "Look at deals" in html
    assert len(re.findall(r'<label><input type="radio"', html)) == 3
    assert "<script" not in html
    assert "http://localhost:8000" in answer.headers["content-security-policy"]


def test_denying_goes_back_with_access_denied_and_the_state(sandbox):
    back = sandbox.consent("deny")
    assert back["error"] == "access_denied"
    assert back["state"] == "s1"
    assert "code" not in back


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"scope": "oauth"}, "crm.objects.contacts.read"),
        ({"scope": ""}, "crm.objects.contacts.read"),
        ({"scope": "crm.objects.contacts.read crm.everything"}, "crm.everything"),
        ({"optional_scope": "crm.everything"}, "crm.everything"),
        ({"client_id": "somebody-else"}, "client does not exist"),
        ({"redirect_uri": "javascript://localhost/x"}, "not supported by client"),
        ({"redirect_uri": "http://evil.example/x"}, "not supported by client"),
    ],
)
def test_a_wrong_authorize_address_gets_an_error_page(sandbox, changes, why):
    for method in ("GET", "POST"):
        answer = sandbox.call(method, sandbox.authorize_target(**changes))
        assert answer.status == 400
        assert why in answer.body.decode()


def test_a_challenge_other_than_s256_is_refused(sandbox):
    answer = sandbox.call("GET", sandbox.authorize_target(code_challenge_method="plain"))
    assert answer.status == 302
    assert "error=invalid_request" in answer.headers["location"]


@pytest.mark.parametrize("verifier", ["w" * 64, "", "short"])
def test_a_wrong_verifier_gets_no_token(sandbox, verifier):
    code = sandbox.consent()["code"]
    fields = {"code": code, "redirect_uri": REDIRECT} | ({"code_verifier": verifier} if verifier else {})
    answer = sandbox.token(**fields)
    assert answer.status == 400
    assert answer.json["error"] in ("invalid_grant", "invalid_request")


def test_a_code_used_twice_ends_what_it_gave(sandbox):
    code = sandbox.consent()["code"]
    fields = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    token = sandbox.token(**fields).json
    assert sandbox.token(**fields).json["error"] == "invalid_grant"
    assert sandbox.hubspot(token["access_token"]).status == 401


def test_another_redirect_uri_or_secret_is_refused(sandbox):
    code = sandbox.consent()["code"]
    assert (
        sandbox.token(code=code, redirect_uri=REDIRECT + "2", code_verifier=VERIFIER).json["error"] == "invalid_grant"
    )
    answer = sandbox.token(code=code, client_secret="wrong", redirect_uri=REDIRECT, code_verifier=VERIFIER)
    assert answer.json["error"] == "invalid_client"


def test_a_refresh_token_stays_the_same_as_hubspots_does(sandbox):
    first = sandbox.exchange().json
    second = sandbox.token("refresh_token", refresh_token=first["refresh_token"]).json
    assert second["refresh_token"] == first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert sandbox.hubspot(second["access_token"]).status == 200


def test_with_rotation_a_reused_refresh_token_ends_the_whole_family(sandbox):
    sandbox.control(rotate=True)
    first = sandbox.exchange().json
    second = sandbox.token("refresh_token", refresh_token=first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    again = sandbox.token("refresh_token", refresh_token=first["refresh_token"])
    assert again.json["error"] == "invalid_grant"
    assert again.json["status"] == "BAD_REFRESH_TOKEN"
    assert sandbox.token("refresh_token", refresh_token=second["refresh_token"]).json["error"] == "invalid_grant"
    assert sandbox.hubspot(second["access_token"]).status == 401


def test_a_short_life_ends(sandbox):
    sandbox.control(token_ttl_s=0)
    answer = sandbox.hubspot(sandbox.exchange().json["access_token"])
    assert answer.status == 401
    assert answer.json["category"] == "EXPIRED_AUTHENTICATION"


def test_a_revoked_token_opens_nothing(sandbox):
    token = sandbox.exchange().json
    owner = {"client_id": sandbox.line["client_id"], "client_secret": sandbox.line["client_secret"]}
    told = sandbox.call("POST", sandbox.line["introspect_url"], owner | {"token": token["access_token"]}).json
    assert told["active"]
    assert told["hub_id"] == 24680135
    assert sandbox.call("POST", sandbox.line["revoke_url"], owner | {"token": token["refresh_token"]}).status == 200
    told = sandbox.call("POST", sandbox.line["introspect_url"], owner | {"token": token["access_token"]}).json
    assert told == {"active": False}
    assert sandbox.hubspot(token["access_token"]).status == 401


def test_basic_authentication_of_the_app_works_too(sandbox):
    code = sandbox.consent()["code"]
    pair = base64.b64encode(f"{sandbox.line['client_id']}:{sandbox.line['client_secret']}".encode()).decode()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    assert sandbox.call("POST", "/oauth/token", form, Authorization=f"Basic {pair}").status == 200


def test_the_issuer_comes_back_only_when_asked_for(sandbox):
    assert "iss" not in sandbox.consent()
    sandbox.control(iss=True)
    assert sandbox.consent()["iss"] == sandbox.line["url"]
    assert sandbox.consent("deny")["iss"] == sandbox.line["url"]


def test_a_scope_can_be_made_to_be_missing(sandbox):
    sandbox.control(missing_scope="crm.objects.deals.read")
    token = sandbox.exchange(optional_scope="crm.objects.deals.read").json
    assert "crm.objects.deals.read" not in token["scopes"]
    answer = sandbox.hubspot(token["access_token"], "/crm/v3/objects/deals")
    assert answer.status == 403
    assert answer.json["category"] == "MISSING_SCOPES"


def test_withdrawing_ends_every_grant(sandbox):
    token = sandbox.exchange().json
    sandbox.control(revoke=True)
    assert sandbox.hubspot(token["access_token"]).status == 401
    assert sandbox.token("refresh_token", refresh_token=token["refresh_token"]).json["error"] == "invalid_grant"
    assert sandbox.hubspot(sandbox.exchange().json["access_token"]).status == 200


def test_the_app_gets_a_token_of_its_own(sandbox):
    answer = sandbox.token(grant_type="client_credentials", scope="crm.objects.contacts.read")
    assert answer.status == 200, answer.body
    assert "refresh_token" not in answer.json
    assert sandbox.hubspot(answer.json["access_token"]).json["portalId"] == 24680135
    wrong = sandbox.token(grant_type="client_credentials", client_secret="no")
    assert (wrong.status, wrong.json["error"]) == (401, "invalid_client")


def test_a_service_account_gets_a_token_for_what_it_signed(sandbox):
    table = sandbox.call("GET", sandbox.line["control_url"] + "/service_account").json
    key = OKPKey.import_key(table["private_key"])
    now = int(time.time())
    claims = {"iss": table["client_email"], "aud": table["token_uri"], "iat": now, "exp": now + 300}

    def asked(**changes):
        jwt_text = jwt.encode({"alg": "EdDSA"}, claims | changes, key, algorithms=["EdDSA"])
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": jwt_text}
        return sandbox.call("POST", sandbox.line["token_url"], form)

    assert sandbox.hubspot(asked().json["access_token"]).status == 200
    assert asked(sub="13579246").json["hub_id"] == 13579246
    for changes in ({"exp": now - 600}, {"aud": "https://other.example"}, {"iss": "eve@evil.example"}, {"sub": "7"}):
        assert asked(**changes).json["error"] == "invalid_grant", changes
