"""Where a credential goes: every kind of place, its template, and the slots that a policy binds."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from integrations.providers.injection import Injection, Place
from integrations.providers.reading import BadFacts
from integrations.providers.shape import BadVariable, Provider
from tests.integrations.providers.test_shape import HEADER, REGION, REGIONAL, provider

DATADOG = {
    "injections": {
        "api_key": {
            "in": "header",
            "name": "DD-API-KEY",
            "more": [{"in": "header", "name": "DD-APPLICATION-KEY", "template": "{application_key}"}],
        }
    },
    "credential_fields": [{"name": "application_key", "words": "Application key"}],
}
SIGNED = {
    "base_url": "https://{service}.{region}.amazonaws.com",
    "allowed_hosts": ["{service}.{region}.amazonaws.com"],
    "injections": {"basic": {"in": "sigv4", "service": "{service}", "region": "{region}"}},
    "variables": [REGION | {"pattern": "[a-z0-9-]+"}, REGION | {"name": "service", "pattern": "[a-z0-9-]+"}],
}


def one(**place: Any) -> dict[str, Any]:
    """Return the facts of one injection for a pasted key."""
    return {"injections": {"api_key": place}}


@pytest.mark.parametrize(
    ("place", "slot"),
    [
        ({"in": "header", "name": "X-Api-Key"}, "header:x-api-key"),
        ({"in": "query", "name": "Key"}, "query:Key"),
        ({"in": "path", "template": "bot{token}"}, "path:bot{token}"),
        ({"in": "json", "name": "key"}, "json:key"),
    ],
)
def test_each_place_is_a_slot_that_a_policy_can_bind(place: dict[str, str], slot: str) -> None:
    assert provider(**one(**place)).injection_for("api_key").slots == (slot,)


def test_a_second_value_goes_into_a_second_place() -> None:
    injection = provider(**DATADOG).injection_for("api_key")
    assert injection.slots == ("header:dd-api-key", "header:dd-application-key")
    assert injection.names() == {"token", "application_key"}
    assert injection.more[0].text({"token": "a", "application_key": "b"}) == "b"


def test_a_person_is_asked_for_every_value_in_the_providers_words() -> None:
    fields = provider(**DATADOG).fields_of("api_key")
    assert [(field.name, field.words) for field in fields] == [
        ("api_key", "API key"),
        ("application_key", "Application key"),
    ]
    words = [{"name": "username", "words": "Account SID", "kinds": ["basic"]}, {"name": "extra", "words": "Extra"}]
    named = provider(injections={"basic": HEADER | {"template": "Basic {basic}"}}, credential_fields=words)
    assert [field.words for field in named.fields_of("basic")] == ["Account SID", "Password", "Extra"]
    assert provider().fields_of("oauth2") == ()


@pytest.mark.parametrize(
    ("pair", "sent"),
    [("{token}:x", b"abc:x"), ("api:{token}", b"api:abc"), (":{token}", b":abc"), ("{token}:", b"abc:")],
)
def test_a_vendor_that_fixes_one_half_of_basic_gets_it(pair: str, sent: bytes) -> None:
    injection = Injection("header", "Authorization", "Basic {basic}", pair)
    assert b64decode(injection.value(token="abc").removeprefix("Basic ")) == sent
    assert injection.names() == {"token"}


def test_a_user_name_may_carry_a_suffix() -> None:
    injection = Injection("header", "Authorization", "Basic {basic}", "{username}/token:{password}")
    assert b64decode(injection.value(username="a@b.test", password="p")[6:]) == b"a@b.test/token:p"


def test_a_value_that_looks_like_a_slot_is_not_filled_again() -> None:
    place = Place("header", "Authorization", 'OAuth key="{api_id}", token="{token}"')
    assert place.text({"api_id": "{token}", "token": "t"}) == 'OAuth key="{token}", token="t"'


def test_a_signature_is_bound_to_region_and_service() -> None:
    signed = provider(**SIGNED).render({"service": "s3", "region": "eu-central-1"})
    assert signed.injection_for("basic").slot == "sigv4:eu-central-1/s3"
    with pytest.raises(BadVariable):
        provider(**SIGNED).render({"service": "s3/x", "region": "eu-central-1"})


@pytest.mark.parametrize(
    ("facts", "field", "reason"),
    [
        (one(**{"in": "cookie", "name": "a"}), "injections.api_key.in", "must be one of"),
        (one(**{"in": "header", "name": "Host"}), "injections.api_key.name", "steers the call"),
        (one(**{"in": "path", "name": "bot", "template": "bot{token}"}), "injections.api_key.name", "has none"),
        (one(**{"in": "path", "template": "a/{token}"}), "injections.api_key.template", "one segment"),
        (one(**{"in": "path", "template": "a?{token}"}), "injections.api_key.template", "one segment"),
        (one(**{"in": "path", "template": "a%2f{token}"}), "injections.api_key.template", "one segment"),
        (one(**{"in": "json", "name": 'a"b'}), "injections.api_key.name", "JSON field"),
        (one(**{"in": "json", "name": "key", "template": "none"}), "injections.api_key.template", "must hold"),
        (one(**HEADER | {"template": "{token} {token}"}), "injections.api_key.template", "twice"),
        (one(**HEADER | {"template": "{token} {Token}"}), "injections.api_key.template", "characters"),
        (one(**HEADER | {"template": "{other}"}), "injections", "no field other"),
        (one(**HEADER | {"template": "Basic {basic}"}), "injections", "no field password, username"),
        (one(**HEADER | {"template": "B {basic}", "basic": "x"}), "injections.api_key.basic", "two halves"),
        (one(**HEADER | {"basic": "{token}:x"}), "injections.api_key.basic", "only where"),
        (one(**HEADER | {"service": "s3"}), "injections.api_key.service", "signed"),
        (one(**HEADER | {"more": [HEADER]}), "injections.api_key.more", "one place twice"),
        (one(**HEADER | {"more": [{"in": "json", "name": "k"}]}), "injections.api_key.more[0].in", "must be one of"),
        (one(**HEADER) | {"static_headers": {"authorization": "x"}}, "static_headers", "carries the credential"),
        (one(**{"in": "sigv4", "service": "s3", "region": "eu"}), "injections", "no field password, username"),
        ({"injections": {"basic": {"in": "sigv4", "service": "s3"}}}, "injections.basic.region", "as AWS spells"),
        ({"injections": {"basic": {"in": "sigv4", "service": "{s}", "region": "x"}}}, "injections", "not listed: s"),
        ({"credential_fields": [{"name": "Bad", "words": "x"}]}, "credential_fields[0].name", "lower case"),
    ],
)
def test_a_wrong_place_is_refused_with_field_and_reason(facts: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(BadFacts) as refused:
        provider(**facts)
    assert refused.value.field == field
    assert reason in refused.value.reason


# URL variables that an answer decides


OUTSIDE = {"name": "instance", "source": "token", "pattern": r"[a-z0-9.-]+", "take": "host"}
OWN_HOST = {"base_url": "https://{instance}", "allowed_hosts": ["{instance}"]}


def test_an_answer_may_decide_a_host_only_where_the_facts_bound_it() -> None:
    with pytest.raises(BadFacts, match="instance decides a whole host"):
        provider(**OWN_HOST, variables=[OUTSIDE])
    with pytest.raises(BadFacts, match="hosts"):
        provider(**OWN_HOST, variables=[OUTSIDE | {"hosts": ["*.test"]}])
    bound = provider(**OWN_HOST, variables=[OUTSIDE | {"hosts": ["*.acme.test"]}])
    assert bound.render({"instance": "one.acme.test"}).allowed_hosts == ("one.acme.test",)
    for elsewhere in ("evil.example", "acme.test.evil.example", "xacme.test", "acme.test", ".acme.test"):
        with pytest.raises(BadVariable):
            bound.render({"instance": elsewhere})


def test_a_variable_below_a_fixed_domain_needs_no_list_of_hosts() -> None:
    assert provider(**REGIONAL, variables=[REGION | {"source": "discovery"}])


def test_a_kind_may_have_its_own_base_url_and_variables() -> None:
    facts = {
        "base_url": "https://api.acme.test/ex/{cloud}",
        "base_urls": {"basic": "https://{site}.acme.test"},
        "allowed_hosts": ["api.acme.test", "{site}.acme.test"],
        "injections": {"api_key": HEADER, "basic": HEADER | {"template": "Basic {basic}"}},
        "variables": [
            REGION | {"name": "cloud", "source": "discovery", "kinds": ["api_key"]},
            REGION | {"name": "site", "kinds": ["basic"]},
        ],
    }
    made: Provider = provider(**facts)
    basic = made.of_kind("basic").render({"site": "one"})
    assert (basic.base_url, basic.missing_variables) == ("https://one.acme.test", ())
    other = made.of_kind("api_key").render({"cloud": "7"})
    assert (other.base_url, other.allowed_hosts) == ("https://api.acme.test/ex/7", ("api.acme.test",))


# Versions


def test_a_version_in_a_header_is_sent_once_one_is_pinned() -> None:
    facts = {"versions": {"header": "Acme-Version", "pattern": r"\d{4}-\d{2}-\d{2}", "known": ["2026-01-01"]}}
    assert dict(provider(**facts).render({}).static_headers) == {}
    pinned = provider(**facts).render({"api_version": "2025-06-30"})
    assert dict(pinned.static_headers) == {"Acme-Version": "2025-06-30"}
    with pytest.raises(BadVariable):
        provider(**facts).render({"api_version": "2025-06-30\r\nHost: evil.test"})


def test_a_version_may_stand_in_the_base_url() -> None:
    facts = {
        "base_url": "https://api.acme.test/{api_version}",
        "versions": {"pattern": r"v\d+", "default": "v2", "known": ["v3", "v2"]},
    }
    assert provider(**facts).render({}).base_url == "https://api.acme.test/v2"
    assert provider(**facts).render({"api_version": "v3"}).base_url == "https://api.acme.test/v3"
    with pytest.raises(BadFacts, match="does not match"):
        provider(**facts | {"versions": {"pattern": r"v\d+", "default": "two"}})


def test_a_discovery_goes_only_where_the_credential_may() -> None:
    discovery = {"url": "https://api.acme.test/sites"}
    variables = [REGION | {"source": "discovery", "is_optional": True}]
    assert provider(discovery=discovery, variables=variables).discovery
    with pytest.raises(BadFacts, match="its host"):
        provider(discovery={"url": "https://evil.example/sites"}, variables=variables)
    with pytest.raises(BadFacts, match="no variable"):
        provider(discovery=discovery)
