"""The shape refuses what it does not know, and a URL variable never leaves its slot."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from integrations.providers.custom import custom_from, plain_http_hosts
from integrations.providers.injection import Injection
from integrations.providers.parts import Variable
from integrations.providers.reading import BadFacts
from integrations.providers.registry import get_provider
from integrations.providers.shape import BadVariable, KindNotOffered, Provider

pytestmark = pytest.mark.matrix  # no database: one engine is enough

HEADER = {"in": "header", "name": "Authorization", "template": "Bearer {token}"}
GOOD: dict[str, Any] = {
    "key": "acme",
    "name": "Acme",
    "base_url": "https://api.acme.test/v1",
    "allowed_hosts": ["api.acme.test"],
    "docs_url": "https://acme.test/docs",
    "checked_on": "2026-11-21",
    "injections": {"api_key": HEADER},
}
REGION = {"name": "region", "source": "form", "pattern": ".+", "label": "Region"}
OAUTH = {"authorize_url": "https://acme.test/a", "token_url": "https://acme.test/t"}


def provider(**more: Any) -> Provider:
    """Return the good provider with some facts changed."""
    return Provider.from_facts(GOOD | more, where="acme.toml")


@pytest.mark.parametrize(
    ("facts", "field", "reason"),
    [
        ({"colour": "red"}, "colour", "not a known field"),
        ({"name": 7}, "name", "must be a text, not int"),
        ({"retries_500": 1}, "retries_500", "true or false"),
        ({"checked_on": "soon"}, "checked_on", "YYYY-MM-DD"),
        ({"key": "Acme Inc"}, "key", "lower case"),
        ({"allowed_hosts": "api.acme.test"}, "allowed_hosts", "must be a list"),
        ({"scope_paths": {"read": "/v1/*"}}, "scope_paths.read", "must be a list"),
        ({"scope_paths": {"read": ["v1/things"]}}, "scope_paths", "as in /v1/things/"),
        ({"scope_paths": {"read": ["/*"]}}, "scope_paths", "as in /v1/things/"),
        ({"scope_paths": {"read": ["/v1 /things"]}}, "scope_paths", "as in /v1/things/"),
        ({"scope_paths": {"read": ["/v1/things?all=1"]}}, "scope_paths", "as in /v1/things/"),
        ({"allowed_hosts": ["other.test"]}, "allowed_hosts", "host of base_url"),
        ({"base_url": "ftp://api.acme.test"}, "base_url", "https URL"),
        ({"base_url": "https://u:p@api.acme.test"}, "base_url", "user name"),
        ({"base_url": "https://api.acme.test/v1?a=b"}, "base_url", "query or fragment"),
        ({"base_url": "https://api.acme.test/v1#a"}, "base_url", "query or fragment"),
        ({"base_url": "https://api.acme.test:99999"}, "base_url", "is not a URL"),
        ({"base_url": "https://[::1"}, "base_url", "is not a URL"),
        ({"probe": 7}, "probe", "must be a table"),
        ({"scope_words": []}, "scope_words", "must be a table"),
        ({"idempotency": {"header": "A", "methods": "POST"}}, "idempotency.methods", "must be a list"),
        ({"oauth": OAUTH | {"access_token_ttl_s": 0}}, "oauth.access_token_ttl_s", "above 0"),
        ({"rotation": {"after_days": 731}}, "rotation.after_days", "between 1 and 730"),
        ({"base_url": "https://api.acme.test\\@evil.test"}, "base_url", "characters"),
        ({"base_url": "https://{shop}.acme.test"}, "base_url", "not listed: shop"),
        ({"injections": {}}, "injections", "at least one"),
        ({"injections": {"magic": HEADER}}, "injections", "magic is not one of"),
        ({"injections": {"api_key": HEADER | {"name": "Bad Name"}}}, "injections.api_key.name", "header name"),
        ({"injections": {"api_key": HEADER | {"template": "Bearer"}}}, "injections.api_key.template", "{token}"),
        ({"injections": {"api_key": HEADER | {"template": "a\r\n{token}"}}}, "injections.api_key.template", "charac"),
        ({"injections": {"oauth2": HEADER}}, "oauth", "needs the table"),
        ({"oauth": OAUTH}, "oauth", "need an injection"),
        ({"oauth": OAUTH | {"grants": ["password"]}}, "oauth.grants", "must be one of"),
        ({"oauth": OAUTH | {"grants": []}}, "oauth.grants", "at least one"),
        ({"oauth": {"token_url": OAUTH["token_url"]}}, "oauth.authorize_url", "is missing"),
        ({"oauth": {"grants": ["client_credentials"]}}, "oauth.token_url", "is missing"),
        ({"oauth": OAUTH | {"assertion": {"alg": "none"}}}, "oauth.assertion.alg", "must be one of"),
        ({"oauth": OAUTH | {"assertion": {"alg": "HS256"}}}, "oauth.assertion.key_encoding", "belong together"),
        ({"oauth": OAUTH | {"assertion": {"lifetime_s": 9999}}}, "oauth.assertion.lifetime_s", "between"),
        ({"oauth": OAUTH | {"assertion": {"url": "https://a.test/{x}"}}}, "oauth.assertion.url", "not listed: x"),
        ({"probe": {"method": "DELETE", "path": "/x"}}, "probe.method", "must be one of"),
        ({"probe": {"method": "POST", "path": "/x", "body": "[]"}}, "probe.body", "JSON object"),
        ({"probe": {"method": "GET", "path": "/x", "body": "{}"}}, "probe.body", "POST"),
        ({"confidence": "sure"}, "confidence", "must be one of"),
        ({"probe": {"method": "GET", "path": "//evil.test"}}, "probe.path", "one slash"),
        ({"unconfirmed": ["oauth.magic"]}, "unconfirmed", "no fact oauth.magic"),
        ({"variables": [REGION | {"pattern": "("}]}, "variables[0].pattern", "not a pattern"),
        ({"variables": [REGION | {"pattern": "[a-z]+", "example": "EU"}]}, "variables[0].example", "match"),
        ({"limits": [{"bucket": "b", "limit": 0, "window_s": 1, "per": "key"}]}, "limits[0].limit", "above 0"),
        ({"key_formats": [{"kind": "api_key", "pattern": "sk_", "words": ""}]}, "key_formats[0].pattern", "anchored"),
        ({"oauth": OAUTH | {"token_headers": {"Authorization": "x"}}}, "oauth.token_headers", "no part of them"),
        ({"oauth": OAUTH | {"refresh": {"auth_method": "magic"}}}, "oauth.refresh.auth_method", "must be one of"),
        ({"oauth": OAUTH | {"pkce": "refused"}}, "oauth.pkce_source", "page that says so"),
        (
            {"oauth": OAUTH | {"refresh": {"url": "https://evil.test/refresh"}}},
            "oauth.refresh.url",
            "host of token_url",
        ),
    ],
)
def test_a_wrong_fact_is_refused_with_file_field_and_reason(facts: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(BadFacts) as refused:
        provider(**facts)
    assert (refused.value.where, refused.value.field) == ("acme.toml", field)
    assert reason in refused.value.reason


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_every_fact_without_a_default_must_be_there(missing: str) -> None:
    with pytest.raises(BadFacts, match=f"{missing}: is missing"):
        Provider.from_facts({k: v for k, v in GOOD.items() if k != missing}, where="acme.toml")


def test_facts_cannot_be_changed() -> None:
    with pytest.raises((AttributeError, TypeError)):
        provider().name = "Other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        provider().injections["basic"] = None  # type: ignore[index]


def test_a_kind_that_is_not_offered_is_refused() -> None:
    assert provider().injection_for("api_key").slot == "header:authorization"
    with pytest.raises(KindNotOffered):
        provider().injection_for("oauth2")


def test_an_access_token_goes_where_a_consents_goes_whatever_granted_it() -> None:
    oauth = {"token_url": OAUTH["token_url"], "grants": ["client_credentials", "jwt_bearer"]}
    own = {"oauth": oauth, "injections": {"client_credentials": HEADER, "jwt_bearer": HEADER | {"name": "X-Token"}}}
    assert provider(**own).kinds == ("client_credentials", "jwt_bearer")
    assert provider(**own).injection_for("jwt_bearer").name == "X-Token"
    both = provider(oauth=OAUTH | {"grants": ["authorization_code", "jwt_bearer"]}, injections={"oauth2": HEADER})
    assert both.injection_for("jwt_bearer") == both.injection_for("oauth2")
    with pytest.raises(KindNotOffered):
        both.injection_for("client_credentials")


def test_a_grants_address_takes_the_accounts_parts_and_leaves_the_claims_open() -> None:
    signed = {"style": "bearer", "url": "https://{region}.acme.test/at/{account}", "audience": "{region}.acme.test"}
    oauth = OAUTH | {
        "grants": ["authorization_code", "client_credentials", "jwt_bearer"],
        "assertion": signed | {"claims": [{"name": "account", "words": "Account"}]},
        "client_credentials": {"params": {"account": "{region}"}},
    }
    made = provider(oauth=oauth, injections={"oauth2": HEADER}, variables=[REGION]).render({"region": "eu"}).oauth
    assert made is not None
    assert made.assertion.url == "https://eu.acme.test/at/{account}"
    assert made.assertion.audience == "eu.acme.test"
    assert dict(made.client_credentials.params) == {"account": "eu"}


def test_a_field_of_the_token_request_is_left_out_where_its_optional_variable_is_not_given() -> None:
    oauth = OAUTH | {"token_params": {"on_behalf": "{region}", "fixed": "1"}}
    optional = REGION | {"is_optional": True}
    shown = provider(oauth=oauth, injections={"oauth2": HEADER}, variables=[optional])
    assert dict(shown.render({}).oauth.token_params) == {"fixed": "1"}
    assert dict(shown.render({"region": "eu"}).oauth.token_params) == {"on_behalf": "eu", "fixed": "1"}


REGIONAL = {"base_url": "https://{region}.acme.test/{region}", "allowed_hosts": ["{region}.acme.test"]}


def test_a_variable_fills_its_slots() -> None:
    rendered = provider(**REGIONAL, variables=[REGION]).render({"region": "eu-1"})
    assert rendered.base_url == "https://eu-1.acme.test/eu-1"
    assert rendered.allowed_hosts == ("eu-1.acme.test",)
    assert rendered.missing_variables == ()


@pytest.mark.parametrize(
    "value",
    ["evil.test/", "evil.test#", "evil.test?", "a@evil.test", "a:80", "a\\b", "a b", "a\r\nb", "..", ".a", "a.",
     "-a", "a%2fb", "ä", "a..b", "[::1]", "{region}", "a\x00"],
)  # fmt: skip
def test_a_variable_cannot_leave_its_slot(value: str) -> None:
    with pytest.raises(BadVariable):
        provider(**REGIONAL, variables=[REGION | {"pattern": r"(?s).+"}]).render({"region": value})


def test_a_variable_that_breaks_its_own_pattern_is_refused_with_an_example() -> None:
    variable = REGION | {"pattern": "[a-z]{2}", "example": "eu"}
    with pytest.raises(BadVariable, match="for example eu"):
        provider(**REGIONAL, variables=[variable]).render({"region": "europe"})


def test_a_missing_form_variable_is_named_by_its_label() -> None:
    with pytest.raises(BadVariable, match="Region is missing"):
        provider(**REGIONAL, variables=[REGION]).render({})


def test_what_only_the_provider_can_tell_may_come_later() -> None:
    later = provider(**REGIONAL, variables=[REGION | {"source": "token"}]).render({})
    assert later.missing_variables == ("region",)
    assert later.base_url.startswith("https://{region}.")


def test_of_an_answer_that_is_a_url_only_the_host_is_kept() -> None:
    variable = Variable(name="instance", source="token", pattern=r"[a-z.]+\.acme\.test", take="host")
    assert variable.read("https://one.acme.test/x?y") == "one.acme.test"
    with pytest.raises(ValueError, match="instance"):
        variable.read("https://one.acme.test.evil.example/")


def test_a_static_header_with_an_unknown_variable_is_not_sent() -> None:
    facts: dict[str, Any] = {"static_headers": {"X-Org": "{org}", "X-Version": "1"}}
    facts["variables"] = [{"name": "org", "source": "form", "pattern": "(?s).+", "is_optional": True}]
    assert provider(**facts).render({}).static_headers == {"X-Version": "1"}
    assert provider(**facts).render({"org": "o 1"}).static_headers["X-Org"] == "o 1"
    with pytest.raises(BadVariable):
        provider(**facts).render({"org": "o\r\nX-Evil: 1"})


@pytest.mark.parametrize(
    ("injection", "given", "value"),
    [
        (Injection("header", "Authorization", "Bearer {token}"), {"token": "abc"}, "Bearer abc"),
        (Injection("query", "api_key"), {"token": "a{token}b"}, "a{token}b"),
        (
            Injection("header", "Authorization", "Basic {basic}"),
            {"username": "sk", "password": ""},
            "Basic c2s6",
        ),
    ],
)
def test_a_credential_is_put_into_its_template(injection: Injection, given: dict[str, str], value: str) -> None:
    assert injection.value(**given) == value


TODAY = date(2026, 11, 22)


def test_a_described_provider_becomes_facts_of_the_same_shape() -> None:
    table = {"base_url": "https://crm.test/api/", "inject": {"in": "query", "name": "key", "template": "{token}"}}
    made = Provider.from_facts(custom_from(table, key="custom-crm", name="CRM", today=TODAY), where="row")
    assert (made.base_url, made.allowed_hosts, made.is_custom) == ("https://crm.test/api", ("crm.test",), True)
    assert made.injection_for("api_key").slot == "query:key"
    assert made.kinds == ("api_key", "bearer", "basic")


def test_a_described_provider_with_oauth_takes_a_consent() -> None:
    table = {"base_url": "http://127.0.0.1:9000", **{k: f"http://127.0.0.1:9000/{k}" for k in OAUTH}}
    made = Provider.from_facts(custom_from(table, key="custom-s", name="S", today=TODAY), where="row")
    assert "oauth2" in made.kinds
    assert plain_http_hosts(made) == ("127.0.0.1:9000",)


@pytest.mark.parametrize(
    ("table", "field", "reason"),
    [
        ({}, "base_url", "is missing"),
        ({"base_url": "crm.test"}, "base_url", "https URL"),
        ({"base_url": "https://{x}.test"}, "base_url", "{ or }"),
        ({"base_url": "https://crm.test", "url": "x"}, "url", "not a known field"),
        ({"base_url": "https://crm.test", "authorize_url": "https://crm.test/a"}, "token_url", "is missing"),
        ({"base_url": "https://crm.test", "inject": "header"}, "inject", "must be a table"),
        ({"base_url": "https://crm.test", "inject": {"in": "cookie", "name": "a"}}, "injections.api_key.in", "one of"),
    ],
)
def test_a_bad_description_names_the_field(table: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(BadFacts) as refused:
        custom_from(table, key="custom-x", name="X", today=TODAY)
    assert refused.value.field == field
    assert reason in refused.value.reason


def test_scopes_reach_their_paths_and_those_without_are_named() -> None:
    paths = {"read": ["/v1/a", "/v1/a/*"], "write": ["/v1/a", "/v1/b"], "openid": []}
    reach = provider(scope_paths=paths).reach_of(["read", "write", "openid", "admin", "read"])
    assert reach.paths == ("/v1/a", "/v1/a/*", "/v1/b")
    assert reach.unknown == ("admin",)


def test_the_call_that_the_examples_make_is_within_reach() -> None:
    facts = {"scope_paths": {"read": ["/v1/a"], "openid": []}, "probe": {"method": "GET", "path": "/me?x=1"}}
    assert provider(**facts).reach_of(["read"]).paths == ("/me", "/v1/a")
    assert provider(**facts).reach_of(["openid"]).paths == ()


def test_a_signature_for_a_variable_of_another_kind_does_not_stand_in_the_way() -> None:
    """NetSuite's realm is asked for by those who sign; a consent knows nothing of it."""
    variables = {"account_id": "1234567"}
    consent = get_provider("netsuite").of_kind("oauth2").render(variables)
    assert consent.base_url == "https://1234567.suitetalk.api.netsuite.com"
    assert "basic" not in consent.injections
    signing = get_provider("netsuite").of_kind("basic").render(variables | {"realm": "1234567_SB1"})
    assert signing.injection_for("basic").slot == "oauth1:HMAC-SHA256/1234567_SB1"
