"""Every file of the catalogue is whole, and says what the vendor's own pages and SDKs say."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest

from integrations.gateway.target import is_allowed
from integrations.limits.reading import dialects
from integrations.probe_call import call_probe
from integrations.providers.checks import oauth_urls
from integrations.providers.parts import KINDS, TOKEN_KINDS
from integrations.providers.registry import all_providers, get_provider
from integrations.providers.shape import Provider
from integrations.webhooks.schemes.registry import catalogue as webhook_schemes
from tests.integrations.providers.recording import (
    KEYS,
    Recorder,
    differences,
    fields_of,
    golden,
    headers_of,
    recorder,
    tables,
)

pytestmark = pytest.mark.matrix  # no database: one engine is enough
__all__ = ["recorder"]

TABLES = {"call", "probe", "authorize", "token", "refresh", "revoke", "client_credentials", "jwt_bearer"}
SIGNED = ("sigv4", "oauth1")  # what arrives differs each time; tests of the signers hold the vendors' own examples

THE_TWELVE = {"hubspot", "openai", "anthropic", "stripe", "slack", "gmail", "google_sheets", "airtable", "notion",
              "typeform", "salesforce", "xero"}  # fmt: skip


def calls_in(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the golden calls of a provider, one for each place that its credentials go to."""
    return [table for name, table in found.items() if name.partition("_")[0] == "call"]


def rendered(key: str, wanted: dict[str, Any]) -> Provider:
    """Return the provider with the variables of a golden request, as connections of its kind know it."""
    provider = get_provider(key)
    kind = wanted.get("kind") or next(kind for kind in TOKEN_KINDS if kind in provider.kinds)
    return provider.of_kind(kind).render(wanted.get("variables", {}))


def test_the_twelve_are_here() -> None:
    assert set(KEYS) >= THE_TWELVE


def test_the_vendor_confirms_those_with_golden_requests_and_no_other() -> None:
    assert sorted(KEYS) == sorted(each.key for each in all_providers() if each.confidence == "vendor")


@pytest.mark.parametrize("key", KEYS)
def test_golden_requests_have_a_source_and_a_day(key: str) -> None:
    found = golden(key)
    assert calls_in(found)
    assert set(found) <= TABLES | {f"call_{kind}" for kind in KINDS}
    for table in found.values():
        assert table["source"]
        assert isinstance(table["checked_on"], date)


@pytest.mark.parametrize("key", sorted(THE_TWELVE))
def test_the_twelve_are_whole(key: str) -> None:
    provider = get_provider(key)
    assert provider.probe is not None
    assert provider.key_formats or provider.kinds == ("oauth2",)
    assert provider.rotation.steps


@pytest.mark.parametrize("key", KEYS)
def test_people_are_led_to_the_vendors_pages(key: str) -> None:
    provider = get_provider(key)
    assert urlsplit(provider.docs_url).scheme == "https"
    assert provider.rotation.how_url
    assert provider.checked_on >= date(2026, 11, 21)


@pytest.mark.parametrize("key", KEYS)
def test_a_credential_never_travels_in_the_clear(key: str) -> None:
    provider = get_provider(key)
    probed = [provider.probe.url] if provider.probe and provider.probe.url else []
    for url in [provider.base_url, *oauth_urls(provider), *probed]:
        assert url.startswith("https://")


@pytest.mark.parametrize("key", KEYS)
def test_a_limit_without_headers_is_documented_or_named_as_unknown(key: str) -> None:
    provider = get_provider(key)
    if not dialects()[provider.rate_limit_dialect]:
        assert provider.limits or not provider.is_confirmed("limits")


@pytest.mark.parametrize("key", KEYS)
def test_patterns_of_keys_do_not_run_away(key: str) -> None:
    for shape in get_provider(key).key_formats:
        assert not shape.matches("a-" * 50_000 + "!")
        assert re.compile(shape.pattern).groups <= 1


@pytest.mark.parametrize(("key", "wanted"), tables("probe"))
def test_a_probe_is_sent_as_the_vendor_shows_it(recorder: Recorder, key: str, wanted: dict[str, Any]) -> None:
    provider = rendered(key, wanted)
    answer = call_probe(provider, wanted["kind"], fields_of(provider, wanted["kind"]))
    assert not answer.code
    told = wanted | {"headers": {}, "also_sent": list(recorder.last().headers)}
    assert differences(told, recorder.last()) == {}
    assert recorder.last().headers.items() >= headers_of(wanted).items()


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


@pytest.mark.parametrize("key", [key for key in KEYS if get_provider(key).oauth])
def test_only_what_nobody_confirms_of_oauth_has_no_golden_request(key: str) -> None:
    provider, found = get_provider(key), golden(key)
    oauth = provider.oauth
    assert oauth is not None
    if "authorization_code" in oauth.grants:
        assert ("authorize" in found) == provider.is_confirmed("oauth.authorize_url")
        assert ("token" in found) == provider.is_confirmed("oauth.token_auth_method")
        assert ("refresh" in found) == (provider.is_confirmed("oauth.refresh") and oauth.refresh.issued is not False)
        assert ("revoke" in found) == (bool(oauth.revoke_url) and provider.is_confirmed("oauth.revoke_url"))
    if "client_credentials" in oauth.grants:
        is_told = all(map(provider.is_confirmed, ("oauth.client_credentials", "oauth.grants")))
        assert ("client_credentials" in found) == is_told


@pytest.mark.parametrize("key", KEYS)
def test_only_a_place_that_nobody_confirms_has_no_golden_call(key: str) -> None:
    provider = get_provider(key)
    shown = [provider.injection_for(call["kind"]) for call in calls_in(golden(key))]
    for kind, injection in provider.injections.items():
        if injection.in_ not in SIGNED:
            assert (injection in shown) == provider.is_confirmed(f"injections.{kind}"), kind


@pytest.mark.parametrize("key", KEYS)
def test_only_a_probe_that_nobody_confirms_has_no_golden_request(key: str) -> None:
    provider = get_provider(key)
    assert ("probe" in golden(key)) == (provider.probe is not None and provider.is_confirmed("probe"))


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
