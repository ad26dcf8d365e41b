"""Each failure is explained from a real body of the vendor; what is not known is called unknown."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from integrations.causes import explain
from integrations.causes.table import WHO, rows
from integrations.gateway.problems import _PROBLEMS
from integrations.oauth.answers import APP_CODES, DEAD_CODES
from integrations.providers.registry import catalogue, get_provider

pytestmark = pytest.mark.matrix  # no database: one engine is enough

# From reports on HubSpot/hubspot-api-nodejs (issue 268, 2022-11-28).
HUBSPOT_SCOPES = json.dumps(
    {
        "status": "error",
        "message": "This app hasn't been granted all required scopes to make this call.",
        "correlationId": "c",
        "errors": [
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredScopes": ["crm.objects.deals.read"]},
            }
        ],
        "category": "MISSING_SCOPES",
    },
    indent=1,
)


def openai(code: str | None, message: str, *, kind: str = "invalid_request_error", param: str | None = None) -> str:
    """Return an OpenAI error body."""
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def stripe(code: str | None, message: str, **more: str) -> str:
    """Return a Stripe error body."""
    body = {"message": message, "type": "invalid_request_error", **({"code": code} if code else {}), **more}
    return json.dumps({"error": body}, indent=2)


def limit(policy: str) -> str:
    """Return a HubSpot 429 body."""
    return json.dumps({"status": "error", "errorType": "RATE_LIMIT", "policyName": policy, "correlationId": "c"})


@pytest.mark.parametrize(
    ("provider", "status", "body", "code", "words", "who"),
    [
        ("hubspot", 403, HUBSPOT_SCOPES, "missing_scopes", "lacks the scope crm.objects.deals.read", "client"),
        (
            "hubspot",
            403,
            HUBSPOT_SCOPES[:60] + '"category":"MISSING_SCOPES"',
            "missing_scopes",
            "a scope that",
            "client",
        ),
        ("hubspot", 429, limit("DAILY"), "limit_daily", "midnight in the portal's time zone", "client"),
        ("hubspot", 429, limit("TEN_SECONDLY_ROLLING"), "limit_burst", "within a few seconds", "nobody"),
        ("hubspot", 401, '{"category":"EXPIRED_AUTHENTICATION"}', "expired_authentication", "expired", "nobody"),
        ("hubspot", 401, '{"category":"INVALID_AUTHENTICATION"}', "invalid_authentication", "uninstalled", "client"),
        (
            "hubspot",
            409,
            '{"message":"Contact already exists. Existing ID: 151","category":"CONFLICT"}',
            "already_exists",
            "with the id 151",
            "you",
        ),
        (
            "hubspot",
            400,
            '{"message":"Property values were not valid: [{\\"message\\":\\"Property \\\\\\"colour\\\\\\" does not'
            ' exist\\",\\"error\\":\\"PROPERTY_DOESNT_EXIST\\"}]","errors":[{"code":"PROPERTY_DOESNT_EXIST"}],'
            '"category":"VALIDATION_ERROR"}',
            "property_missing",
            "no property named colour",
            "you",
        ),
        ("hubspot", 477, "", "migration", "another data centre", "nobody"),
        (
            "openai",
            429,
            openai("insufficient_quota", "You exceeded your current quota", kind="insufficient_quota"),
            "insufficient_quota",
            "no credit left",
            "client",
        ),
        (
            "openai",
            429,
            openai("rate_limit_exceeded", "Limit reached for gpt-4o on tokens per min (TPM): Limit 3", kind="tokens"),
            "rate_limit_exceeded",
            "limit on tokens per min (TPM) is reached",
            "nobody",
        ),
        ("openai", 401, openai("invalid_api_key", "Incorrect API key provided: ****"), "invalid_api_key", "key", "you"),
        (
            "openai",
            403,
            openai(None, "You have insufficient permissions for this operation. Missing scopes: model.read. Check"),
            "missing_scopes",
            "model.read",
            "you",
        ),
        (
            "openai",
            404,
            openai("model_not_found", "The model `gpt-9` does not exist or you do not have access to it."),
            "model_not_found",
            "The model gpt-9 does not exist",
            "you",
        ),
        ("openai", 400, openai(None, "no", param="temperature"), "invalid_request", "parameter temperature", "you"),
        (
            "stripe",
            404,
            stripe("resource_missing", "No such customer: 'cus_x'"),
            "resource_missing",
            "no customer",
            "you",
        ),
        (
            "stripe",
            404,
            stripe(
                "resource_missing",
                "No such plan: 'p'; a similar object exists in live mode, but a test mode key was used.",
            ),
            "wrong_mode",
            "exists in live mode",
            "you",
        ),
        ("stripe", 401, stripe(None, "Invalid API Key provided: sk_test_****"), "invalid_api_key", "not know", "you"),
        (
            "stripe",
            403,
            stripe(None, "Having the 'rak_charge_read' permission would allow this request to continue."),
            "missing_permission",
            "rak_charge_read",
            "you",
        ),
        (
            "stripe",
            402,
            stripe("card_declined", "declined", decline_code="insufficient_funds"),
            "card_declined",
            "insufficient_funds",
            "nobody",
        ),
        ("stripe", 400, stripe("parameter_missing", "m", param="amount"), "parameter", "parameter amount", "you"),
        ("stripe", 429, stripe("lock_timeout", "m"), "lock_timeout", "same object", "you"),
        (
            "slack",
            200,
            '{"ok":false,"error":"missing_scope","needed":"chat:write"}',
            "missing_scope",
            "chat:write",
            "client",
        ),
        (
            "gmail",
            403,
            '{"error":{"errors":[{"reason":"insufficientPermissions"}]}}',
            "missing_scopes",
            "unticked",
            "client",
        ),
        ("anthropic", 529, '{"error":{"type":"overloaded_error"}}', "overloaded", "more calls", "provider"),
        ("airtable", 429, '{"errors":[{"error":"RATE_LIMIT_REACHED"}]}', "rate_limit", "30 seconds", "nobody"),
        ("notion", 404, '{"code":"object_not_found"}', "not_shared", "not shared", "client"),
        ("salesforce", 403, '[{"errorCode":"REQUEST_LIMIT_EXCEEDED"}]', "limit_daily", "24 hours", "client"),
    ],
)
def test_a_vendors_own_body_is_explained(
    provider: str, status: int, body: str, code: str, words: str, who: str
) -> None:
    cause = explain(provider, status, body)
    assert (cause.code, cause.who, cause.is_known) == (code, who, True)
    assert words in f"{cause.cause}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504])
def test_every_common_status_says_what_happened_what_to_do_and_who_acts(status: int) -> None:
    cause = explain("hubspot", status, "<html>no words we know</html>")
    assert cause.code == f"http_{status}"
    assert len(cause.cause) > 30
    assert len(cause.remedy) > 15
    assert cause.who in WHO


@pytest.mark.parametrize("code", [*_PROBLEMS, "breaker_open"])
def test_every_answer_of_ours_is_explained_before_its_status(code: str) -> None:
    cause = explain("hubspot", 502, HUBSPOT_SCOPES, code)
    assert cause.code == code
    assert "{" not in cause.title + cause.cause + cause.remedy


@pytest.mark.parametrize("code", sorted(DEAD_CODES))
def test_a_dead_consent_is_the_clients_to_renew(code: str) -> None:
    assert explain("hubspot", 400, "", code).who == "client"


@pytest.mark.parametrize("code", sorted(APP_CODES))
def test_a_refused_oauth_app_is_yours_to_mend(code: str) -> None:
    assert explain("hubspot", 401, "", code).who == "you"


@pytest.mark.parametrize("key", [*catalogue()])
def test_a_huge_body_neither_hangs_nor_floods_the_sentence(key: str) -> None:
    for part in ('"message":"', "rak_", "Missing scopes: a, ", "No such ", '"requiredScopes":["', "on a per a"):
        assert len(explain(key, 400, part * 8_000).cause) < 400


@pytest.mark.parametrize(("status", "body"), [(418, "I am a teapot"), (None, ""), (299, "{}"), (403, '{"oops": 1}')])
def test_what_is_not_known_is_called_unknown_and_never_guessed(status: int | None, body: str) -> None:
    cause = explain("hubspot", status, body)
    assert not cause.is_known
    assert "Unknown cause" in cause.cause


def test_a_provider_nobody_knows_gets_the_plain_meaning_of_the_status() -> None:
    assert explain("custom-x", 503).cause.startswith("The provider is overloaded")


def test_a_described_provider_may_say_whose_errors_it_sends() -> None:
    sandbox = replace(get_provider("openai"), key="custom-sandbox", name="HubSpot (sandbox)", errors_like="hubspot")
    assert explain(sandbox, 403, HUBSPOT_SCOPES).code == "missing_scopes"
    assert (
        explain(sandbox, 500).cause
        == "Something broke inside HubSpot (sandbox). The call may or may not have taken effect."
    )


def test_what_a_body_puts_into_a_sentence_is_bounded_and_plain() -> None:
    body = '{"category":"MISSING_SCOPES","requiredScopes":["' + "<b>{provider}\\u0000</b>" * 20 + '"]}'
    cause = explain("hubspot", 403, body).cause
    assert len(cause) < 250
    assert not re.search(r"[<>{}\\\x00]", cause)


def test_every_row_is_whole_and_every_file_names_a_provider() -> None:
    names = {"own", "generic"} | {provider.errors_like or provider.key for provider in catalogue().values()}
    assert set(rows()) <= names
    for group in rows().values():
        for row in group:
            assert row.cause.endswith((".", "{found}")), row
            assert row.remedy.endswith("."), row
            assert ("{found}" in row.cause) <= bool(row.find), row
            assert row.status or row.any_of or row.own_code, row
