"""A paste, a name or a half-remembered word is enough to find the provider; slips are noticed."""

from __future__ import annotations

import pytest
from django.utils import translation

from integrations.providers.registry import (
    all_providers,
    get_provider,
    guess_by_name,
    guess_by_value,
    search,
    warnings_for,
)
from secrets_vault.models import Environment
from secrets_vault.secret import Secret

pytestmark = pytest.mark.matrix  # no database: one engine is enough

STRIPE_LIVE = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
STRIPE_TEST = "sk_" + "test_" + "4eC39HqLyjWDarjtT1zdp7dc"
OPENAI = "sk-proj-" + "a1" * 20 + "T3BlbkFJ" + "b2" * 20
ANTHROPIC = "sk-ant-api03-" + "a" * 93 + "AA"
AIRTABLE = "pat" + "a" * 14 + "." + "0" * 64
HUBSPOT = "pat-na1-" + "12345678-1234-1234-1234-123456789012"
UUID_LIKE = "12345678-1234-1234-1234-123456789012"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("hubspot", "hubspot"),
        ("HUB", "hubspot"),
        ("claude", "anthropic"),
        ("sheets", "google_sheets"),
        ("sfdc", "salesforce"),
        ("gpt", "openai"),
        ("https://api.hubapi.com/crm/v3/objects/contacts?limit=1", "hubspot"),
        ("api.stripe.com/v1", "stripe"),
        ("https://app.hubspot.com/contacts/123", "hubspot"),
        ("https://acme.my.salesforce.com", "salesforce"),
        ("api.eu.typeform.com", "typeform"),
        (STRIPE_LIVE, "stripe"),
        (f" {AIRTABLE} ", "airtable"),
    ],
)
def test_a_provider_is_found_by_name_alias_address_or_credential(text: str, first: str) -> None:
    assert search(text)[0].key == first


@pytest.mark.parametrize("text", ["zzz", "https://evil-api.hubapi.com.example/", "http://[", "nottypeform.com"])
def test_what_fits_nothing_finds_nothing(text: str) -> None:
    assert search(text) == []


def test_an_empty_search_lists_all_by_name() -> None:
    assert search(" ") == list(all_providers())
    assert [provider.name for provider in search(" ")][:2] == ["ActiveCampaign", "Activepieces"]


@pytest.mark.parametrize(
    ("value", "key", "kind", "environment"),
    [
        (STRIPE_LIVE, "stripe", "api_key", "live"),
        (f"{STRIPE_TEST}\n", "stripe", "api_key", "test"),
        (OPENAI, "openai", "api_key", ""),
        (ANTHROPIC, "anthropic", "api_key", ""),
        (HUBSPOT, "hubspot", "api_key", ""),
        (AIRTABLE, "airtable", "bearer", ""),
        ("xoxb-123456789012-abcdefghijkl", "slack", "bearer", ""),
        ("ntn_" + "1" * 11 + "a" * 35, "notion", "bearer", ""),
        ("tfp_" + "a" * 44, "typeform", "bearer", ""),
        ("whsec_" + "a" * 32, "stripe", "webhook_secret", ""),
    ],
)
def test_a_credential_is_known_by_its_shape(value: str, key: str, kind: str, environment: str) -> None:
    [guess] = guess_by_value(Secret(value))
    assert (guess.provider_key, guess.kind, guess.environment) == (key, kind, environment)
    assert guess.is_sure


@pytest.mark.parametrize("value", [UUID_LIKE, "hunter2", "", "A" * 32])
def test_a_shape_that_many_share_is_no_guess(value: str) -> None:
    assert guess_by_value(Secret(value)) == []


@pytest.mark.parametrize(
    ("name", "key", "kind", "environment", "is_secret"),
    [
        ("STRIPE_SECRET_KEY", "stripe", "api_key", "", True),
        ("STRIPE_TEST_KEY", "stripe", "api_key", "test", True),
        ("PROD_STRIPE_KEY", "stripe", "api_key", "live", True),
        ("STRIPE_WEBHOOK_SECRET", "stripe", "webhook_secret", "", True),
        ("STRIPE_PUBLISHABLE_KEY", "stripe", "", "", False),
        ("stripeSecretKey", "stripe", "api_key", "", True),
        ("HUBSPOT_CLIENT_SECRET", "hubspot", "oauth_app", "", True),
        ("HUBSPOT_CLIENT_ID", "hubspot", "", "", False),
        ("HUBSPOT_ACCESS_TOKEN", "hubspot", "bearer", "", True),
        ("ACME_HAPIKEY", "hubspot", "api_key", "", True),
        ("OPENAI_API_KEY", "openai", "api_key", "", True),
        ("NEXT_PUBLIC_AIRTABLE_TOKEN", "airtable", "bearer", "", True),
        ("GOOGLE_SHEETS_CLIENT_SECRET", "google_sheets", "oauth_app", "", True),
    ],
)
def test_a_variables_name_tells_the_provider(name: str, key: str, kind: str, environment: str, is_secret: bool) -> None:
    guess = guess_by_name(name)[0]
    assert (guess.provider_key, guess.kind, guess.environment) == (key, kind, environment)
    assert guess.is_secret is is_secret
    assert not guess.is_sure


@pytest.mark.parametrize("name", ["DATABASE_URL", "PATH", "STRIPED_PAINT", "", "___"])
def test_a_name_that_tells_nothing_is_no_guess(name: str) -> None:
    assert guess_by_name(name) == []


PRODUCTION = Environment(slug="production", is_production=True)
STAGING = Environment(slug="staging", is_production=False)


@pytest.mark.parametrize(
    ("key", "value", "environment", "codes"),
    [
        ("stripe", STRIPE_LIVE, PRODUCTION, []),
        ("stripe", STRIPE_LIVE, STAGING, ["live_outside_production"]),
        ("stripe", STRIPE_TEST, PRODUCTION, ["test_in_production"]),
        ("stripe", STRIPE_TEST, STAGING, []),
        ("stripe", STRIPE_LIVE, None, []),
        ("stripe", f"{STRIPE_LIVE}\n", PRODUCTION, ["spaces"]),
        ("stripe", STRIPE_LIVE.replace("sk_", "pk_"), PRODUCTION, ["wrong_kind"]),
        ("stripe", "whsec_" + "a" * 32, PRODUCTION, ["wrong_kind"]),
        ("stripe", OPENAI, PRODUCTION, ["other_provider"]),
        ("stripe", "something-else", PRODUCTION, ["unusual_shape"]),
        ("stripe", f"Bearer {STRIPE_LIVE}", PRODUCTION, ["scheme", "unusual_shape"]),
        ("stripe", f'"{STRIPE_LIVE}"', PRODUCTION, ["quotes", "unusual_shape"]),
        ("stripe", "", PRODUCTION, ["empty"]),
        ("stripe", "your_api_key", PRODUCTION, ["placeholder", "unusual_shape"]),
        ("stripe", "sk_live_...", PRODUCTION, ["placeholder", "unusual_shape"]),
        ("stripe", "klg_" + "a" * 49, PRODUCTION, ["own_token", "unusual_shape"]),
        ("stripe", "abc", PRODUCTION, ["short", "unusual_shape"]),
        ("stripe", STRIPE_LIVE[:20] + "\u200b" + STRIPE_LIVE[20:], PRODUCTION, ["invisible", "unusual_shape"]),
        ("stripe", STRIPE_LIVE[:20] + "\n" + STRIPE_LIVE[20:], PRODUCTION, ["line_break", "unusual_shape"]),
        ("airtable", "key" + "a" * 14, PRODUCTION, ["wrong_kind"]),
        ("xero", "anything-at-all", PRODUCTION, []),
        ("hubspot", HUBSPOT, PRODUCTION, []),
        ("hubspot", UUID_LIKE, PRODUCTION, ["wrong_kind"]),
    ],
)
def test_a_slip_is_noticed_before_it_is_stored(
    key: str, value: str, environment: Environment | None, codes: list[str]
) -> None:
    warned = warnings_for(get_provider(key), Secret(value), environment)
    assert [one.code for one in warned] == codes
    assert all(one.words.endswith(".") for one in warned)


def test_no_warning_repeats_the_value() -> None:
    for provider in search(""):
        for warned in warnings_for(provider, Secret("canary-canary-canary"), STAGING):
            assert "canary" not in warned.words


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("buchhaltung", ""),
        ("accounting", "xero"),
        ("newslett", "activecampaign"),
        ("https://api.hubapi.com/crm", "hubspot"),
        ("https://www.googleapis.com/drive/v3/files", "google_drive"),
        ("https://www.googleapis.com/youtube/v3/videos", "youtube"),
        ("https://acme.zendesk.com/agent", "zendesk"),
        ("acme.atlassian.net", "confluence"),
        ("facebook", "meta"),
        ("gohighlevel", "highlevel"),
    ],
)
def test_a_service_is_found_by_kind_path_or_other_name(text: str, first: str) -> None:
    assert [provider.key for provider in search(text)][:1] == ([first] if first else [])


def test_a_kind_of_service_is_found_in_the_readers_language() -> None:
    with translation.override("de"):
        assert "xero" in [provider.key for provider in search("buchhalt")]


@pytest.mark.parametrize(
    ("key", "field", "value", "is_warned"),
    [
        ("twilio", "username", "SK" + "0a" * 16, False),
        ("twilio", "username", "AC" + "0a" * 16, False),
        ("twilio", "password", "AC" + "0a" * 16, True),
        ("plaid", "client_id", "0a1b2c3d4e5f0a1b2c3d4e5f", False),
        ("plaid", "api_key", "0a1b2c3d4e5f0a1b2c3d4e5f", True),
        ("razorpay", "password", "a1B2c3D4e5F6g7H8i9J0k1L2", False),
    ],
)
def test_a_shape_is_right_in_its_own_field_and_wrong_in_another(
    key: str, field: str, value: str, is_warned: bool
) -> None:
    assert bool(warnings_for(get_provider(key), Secret(value), field=field)) == is_warned
