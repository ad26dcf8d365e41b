"""Every file of the catalogue is whole, and says what the vendor's own pages and SDKs say."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from integrations.gateway.target import is_allowed
from integrations.limits.reading import dialects
from integrations.providers import templates
from integrations.providers.checks import oauth_urls
from integrations.providers.registry import all_providers, get_provider
from integrations.providers.shape import BadVariable, Provider
from integrations.webhooks.schemes.registry import catalogue as webhook_schemes

pytestmark = pytest.mark.matrix  # no database: one engine is enough

GOLDEN = Path(__file__).parent / "golden"
# Those whose requests were copied from the vendor's own pages or SDK; test_catalogue.py holds for all.
KEYS = [provider.key for provider in all_providers() if (GOLDEN / f"{provider.key}.toml").exists()]
THE_TWELVE = {"hubspot", "openai", "anthropic", "stripe", "slack", "gmail", "google_sheets", "airtable", "notion",
              "typeform", "salesforce", "xero"}  # fmt: skip
CREDENTIAL = {"token": "TOKEN", "username": "TOKEN", "password": ""}


def golden(key: str) -> dict[str, Any]:
    """Return the golden requests of a provider."""
    return tomllib.loads((GOLDEN / f"{key}.toml").read_text(encoding="utf-8"))


def with_table(name: str) -> list[str]:
    """Return the providers whose golden file has a table of that name."""
    return [key for key in KEYS if name in golden(key)]


def rendered(key: str, wanted: dict[str, Any]) -> Provider:
    """Return the provider with the variables of a golden request."""
    return get_provider(key).render(wanted.get("variables", {}))


def sent_headers(provider: Provider, kind: str) -> dict[str, str]:
    """Return the headers that a call of this kind carries besides the caller's own."""
    injection = provider.injection_for(kind)
    return dict(provider.static_headers) | {injection.name: injection.value(**CREDENTIAL)}


def test_the_twelve_are_here() -> None:
    assert set(KEYS) >= THE_TWELVE


def test_the_vendor_confirms_those_with_golden_requests_and_no_other() -> None:
    assert sorted(KEYS) == sorted(each.key for each in all_providers() if each.confidence == "vendor")


@pytest.mark.parametrize("key", KEYS)
def test_golden_requests_have_a_source_and_a_day(key: str) -> None:
    tables = golden(key)
    assert "call" in tables
    for table in tables.values():
        assert table["source"]
        assert isinstance(table["checked_on"], date)


@pytest.mark.parametrize("key", KEYS)
def test_facts_are_whole(key: str) -> None:
    provider = get_provider(key)
    assert urlsplit(provider.docs_url).scheme == "https"
    assert provider.checked_on >= date(2026, 11, 21)
    assert provider.rate_limit_dialect in dialects()
    assert provider.probe is not None
    assert provider.key_formats or provider.kinds == ("oauth2",)
    assert provider.rotation.steps
    assert provider.rotation.how_url
    assert 1 <= len(provider.tile) <= 2
    assert all(scope in provider.scope_words for scope in (provider.oauth.default_scopes if provider.oauth else ()))


@pytest.mark.parametrize("key", KEYS)
def test_a_credential_never_travels_in_the_clear(key: str) -> None:
    provider = get_provider(key)
    for url in [provider.base_url, *oauth_urls(provider)]:
        assert url.startswith("https://")
    assert not (provider.probe and provider.probe.url)


@pytest.mark.parametrize("key", KEYS)
def test_a_limit_without_headers_is_documented_or_named_as_unknown(key: str) -> None:
    provider = get_provider(key)
    if not dialects()[provider.rate_limit_dialect]:
        assert provider.limits or not provider.is_confirmed("limits")


EVIL = ["evil.example/", "evil.example#", "evil.example?", "a@evil.example", "evil.example:443", "evil.example", "..",
        "x/../y", "a\\evil.example", "login.salesforce.com.evil.example",
        "api.typeform.com.evil.example", "\u2100"]  # fmt: skip


@pytest.mark.parametrize("key", [key for key in KEYS if get_provider(key).variables])
@pytest.mark.parametrize("value", EVIL)
def test_no_variable_takes_a_credential_to_another_host(key: str, value: str) -> None:
    provider = get_provider(key)
    in_hosts = {name for host in provider.allowed_hosts for name in templates.names(host)}
    in_hosts |= {name for url in oauth_urls(provider) for name in templates.names(url)}
    for name in in_hosts:
        with pytest.raises(BadVariable):
            provider.render({name: value})


@pytest.mark.parametrize("key", KEYS)
def test_patterns_of_keys_do_not_run_away(key: str) -> None:
    for shape in get_provider(key).key_formats:
        assert not shape.matches("a-" * 50_000 + "!")
        assert re.compile(shape.pattern).groups <= 1


@pytest.mark.parametrize("key", KEYS)
def test_a_call_is_sent_as_the_vendor_shows_it(key: str) -> None:
    wanted = golden(key)["call"]
    provider = rendered(key, wanted)
    assert provider.base_url + wanted["path"] == wanted["url"]
    assert sent_headers(provider, wanted["kind"]) == wanted["headers"]
    assert urlsplit(wanted["url"]).hostname in provider.allowed_hosts


@pytest.mark.parametrize("key", with_table("probe"))
def test_a_probe_is_sent_as_the_vendor_shows_it(key: str) -> None:
    wanted = golden(key)["probe"]
    provider = rendered(key, wanted)
    assert provider.probe is not None
    sent = urlsplit(provider.base_url + provider.probe.path)
    assert (provider.probe.method, sent._replace(query="").geturl()) == (wanted["method"], wanted["url"])
    assert dict(parse_qsl(sent.query)) == wanted.get("query", {})
    assert sent_headers(provider, wanted["kind"]).items() >= wanted["headers"].items()


@pytest.mark.parametrize("key", [key for key in KEYS if "answer" in golden(key).get("probe", {})])
def test_the_account_is_read_from_the_probes_answer(key: str) -> None:
    wanted = golden(key)["probe"]
    identity = get_provider(key).identity
    paths = [path for path in (identity.probe_id, identity.probe_name) if path]
    assert [str(dig(json.loads(json.dumps(wanted["answer"])), path)) for path in paths] == wanted["account"]


def dig(answer: Any, path: str) -> Any:
    """Return what stands at a dotted path; a number is a place in a list."""
    for step in path.split("."):
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


@pytest.mark.parametrize("key", with_table("authorize"))
def test_oauth_facts_are_those_of_the_golden_requests(key: str) -> None:
    tables, oauth = golden(key), get_provider(key).render({}).oauth
    assert oauth is not None
    assert oauth.authorize_url == tables["authorize"]["url"]
    assert oauth.scope_separator.join(oauth.default_scopes) == tables["authorize"]["query"].get("scope", "")
    if "token" not in tables:
        assert not get_provider(key).is_confirmed("oauth.token_auth_method")
        return
    assert oauth.token_url == tables["token"]["url"]
    is_basic = oauth.token_auth_method == "client_secret_basic"
    assert is_basic == ("Authorization" in tables["token"]["headers"])
    assert (oauth.token_body == "json") == ("json" in tables["token"]["headers"]["Content-Type"])


@pytest.mark.parametrize("key", [key for key in KEYS if get_provider(key).oauth])
def test_only_what_nobody_confirms_has_no_golden_request(key: str) -> None:
    provider, tables = get_provider(key), golden(key)
    assert provider.oauth is not None
    assert "authorize" in tables
    assert ("token" in tables) == provider.is_confirmed("oauth.token_auth_method")
    assert ("refresh" in tables) == provider.is_confirmed("oauth.refresh")
    assert ("revoke" in tables) == (bool(provider.oauth.revoke_url) and provider.is_confirmed("oauth.revoke_url"))


@pytest.mark.parametrize("key", KEYS)
def test_only_a_probe_that_nobody_confirms_has_no_golden_request(key: str) -> None:
    assert ("probe" in golden(key)) == get_provider(key).is_confirmed("probe")


def test_a_providers_webhooks_are_signed_by_a_scheme_that_is_known() -> None:
    named = {provider.key: provider.webhook_scheme for provider in all_providers() if provider.webhook_scheme}
    assert named["stripe"] == "stripe"
    assert set(named.values()) <= set(webhook_schemes())


def test_pkce_is_left_out_only_where_the_vendors_page_refuses_it() -> None:
    without = [provider.key for provider in all_providers() if provider.oauth and not provider.oauth.sends_pkce]
    assert without == ["slack"]


GOOGLE = "https://www.googleapis.com/auth/"


@pytest.mark.parametrize(
    ("key", "scope", "path", "is_open"),
    [
        ("hubspot", "oauth", "/account-info/v3/details", True),
        ("hubspot", "oauth", "/crm/v3/objects/contacts", False),
        ("hubspot", "crm.objects.contacts.read", "/crm/v3/objects/contacts", True),
        ("hubspot", "crm.objects.contacts.read", "/crm/v3/objects/contacts/search", True),
        ("hubspot", "crm.objects.contacts.read", "/crm/objects/2026-03/contacts/51", True),
        ("hubspot", "crm.objects.contacts.read", "/crm/v3/objects/deals", False),
        ("hubspot", "crm.objects.contacts.read", "/crm/v3/objects/contacts_of_others", False),
        ("hubspot", "crm.objects.owners.read", "/crm/v3/owners/7", True),
        ("google_sheets", f"{GOOGLE}spreadsheets", "/v4/spreadsheets/1x/values/Sheet1!A1:append", True),
        ("google_sheets", f"{GOOGLE}spreadsheets.readonly", "/v4/spreadsheets", False),
        ("google_sheets", "openid", "/v4/spreadsheets/1x", False),
        ("gmail", f"{GOOGLE}gmail.send", "/gmail/v1/users/me/messages/send", True),
        ("gmail", f"{GOOGLE}gmail.send", "/gmail/v1/users/me/messages", False),
        ("gmail", f"{GOOGLE}gmail.readonly", "/gmail/v1/users/me/threads/7", True),
        ("slack", "chat:write", "/chat.postMessage", True),
        ("slack", "chat:write", "/users.list", False),
    ],
)
def test_a_scope_opens_its_own_paths(key: str, scope: str, path: str, is_open: bool) -> None:
    paths = get_provider(key).reach_of([scope]).paths
    assert (bool(paths) and is_allowed(path.encode(), paths)) == is_open


@pytest.mark.parametrize("key", KEYS)
def test_scopes_with_paths_have_words_too(key: str) -> None:
    provider = get_provider(key)
    with_paths = {scope for scope, paths in provider.scope_paths.items() if paths}
    assert with_paths <= set(provider.scope_words)
