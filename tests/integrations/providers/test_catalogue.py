"""Every file of the catalogue is one that the product can use, and says of itself how far it is confirmed.

Each test names the providers that break it, so that one line of a report leads to the file.
"""

from __future__ import annotations

import re
import time
import tomllib
from dataclasses import fields
from datetime import date
from itertools import product
from typing import Any

import pytest

from integrations.limits.reading import dialects
from integrations.providers import templates
from integrations.providers.categories import CATEGORIES
from integrations.providers.loading import CATALOGUE, read_file
from integrations.providers.parts import KeyFormat
from integrations.providers.recognising import guess_by_name
from integrations.providers.registry import all_providers, catalogue, get_provider
from integrations.providers.shape import BadVariable, Provider
from integrations.webhooks.schemes.registry import catalogue as webhook_schemes

pytestmark = pytest.mark.matrix
KEYS = sorted(catalogue())
PARTS = ("authorize_url", "token_url", "revoke_url", "introspect_url", "jwks_url")
# Software that its users run: any host may be one, so the person who connects it says which.
SELF_HOSTED = {"activepieces", "ghost", "gitlab", "n8n", "woocommerce", "wordpress_self"}
SOMEBODY_ELSE = ("evil.example", "acme.zendesk.com.evil.example")
EVIL = (*SOMEBODY_ELSE, "evil.example/", "evil.example#", "evil.example?", "a@evil.example", "evil.example:443",
        "..", "x/../y", "a\\evil.example", "evil.example\n", "\u2100", "a b", "%2e%2e")  # fmt: skip


def tables(key: str) -> dict[str, Any]:
    """Return a file as it stands."""
    return tomllib.loads((CATALOGUE / f"{key}.toml").read_text("utf-8"))


def urls_of(provider: Provider) -> list[str]:
    """Return every address that a credential or a secret of an app may be sent to."""
    own = [provider.base_url, *(getattr(provider.oauth, part) for part in PARTS if provider.oauth)]
    return [url for url in [*own, provider.probe.url if provider.probe else ""] if url]


def host_templates(provider: Provider) -> set[str]:
    """Return every host that the file names, with the slots that are still in it."""
    return {*provider.allowed_hosts, *(templates.host(url) for url in urls_of(provider))}


def filled(provider: Provider, host: str, values: dict[str, str]) -> str:
    """Return a host with these values and the defaults and examples of the others. Raises BadVariable."""
    known = {each.name: each.default or each.example for each in provider.variables if each.default or each.example}
    provider.render({name: value for name, value in (known | values).items() if value})
    return templates.fill(host, known | values)


@pytest.mark.parametrize("key", KEYS)
def test_a_file_is_read_and_named_for_its_key(key: str) -> None:
    provider = read_file(CATALOGUE / f"{key}.toml")
    assert provider.key == key
    assert provider.category in CATEGORIES
    assert provider.category != "other"
    assert date(2026, 11, 21) <= provider.checked_on <= date(2026, 12, 31)
    assert provider.name == provider.name.strip()
    assert 1 <= len(provider.tile) <= 2


@pytest.mark.parametrize("key", KEYS)
def test_addresses_are_https_and_hosts_are_bare(key: str) -> None:
    provider = get_provider(key)
    for url in [*urls_of(provider), provider.docs_url, provider.rotation.how_url]:
        assert url.startswith("https://"), url
    for host in provider.allowed_hosts:
        bare = templates.SLOT.sub("x", host)
        assert re.fullmatch(r"[a-z0-9.-]+", bare), host
    if provider.oauth and provider.oauth.app_url:
        assert provider.oauth.app_url.startswith("https://")


@pytest.mark.parametrize("key", [key for key in KEYS if get_provider(key).variables])
def test_no_variable_takes_a_credential_to_a_host_of_somebody_else(key: str) -> None:
    provider = get_provider(key)
    for host in host_templates(provider):
        for name, value in product(templates.names(host), EVIL):
            if key in SELF_HOSTED and value in SOMEBODY_ELSE:
                continue
            try:
                reached = filled(provider, host, {name: value})
            except BadVariable:
                continue
            end = host.rpartition("}")[2]
            assert end.startswith("."), (name, value, reached)
            assert reached.endswith(end), (name, value, reached)


@pytest.mark.parametrize("key", [key for key in KEYS if get_provider(key).variables])
def test_a_variable_is_used_has_words_and_takes_its_own_example(key: str) -> None:
    provider = get_provider(key)
    text = f"{tables(key)} {dict(provider.static_headers)}"  # a version's header comes with `versions`
    for variable in provider.variables:
        assert f"{{{variable.name}}}" in text, variable.name
        assert variable.source != "form" or variable.label, variable.name
        if variable.example:
            assert variable.read(variable.example) == variable.example


@pytest.mark.parametrize("key", KEYS)
def test_a_file_says_who_confirms_it_and_what_nobody_does(key: str) -> None:
    provider = get_provider(key)
    assert len(set(provider.unconfirmed)) == len(provider.unconfirmed)
    if provider.confidence != "vendor":
        assert list(provider.unconfirmed) == sorted(provider.unconfirmed)
        assert bool(provider.sources) == (provider.confidence != "memory")
    if provider.confidence == "memory":
        assert not provider.is_confirmed("base_url")
    if provider.confidence == "several" and provider.is_offered:
        kinds = [kind for kind in provider.injections if provider.is_confirmed(f"injections.{kind}")]
        assert kinds, "several sources agree, and yet no way in is confirmed"


@pytest.mark.parametrize("key", KEYS)
def test_a_guess_never_passes_for_a_fact(key: str) -> None:
    provider = get_provider(key)
    if any(shape.source.startswith("not confirmed") for shape in provider.key_formats) and key not in VENDOR_SHAPES:
        assert not provider.is_confirmed("key_formats")
    if provider.confidence != "vendor":
        assert not provider.webhook_scheme or not provider.is_confirmed("webhook_scheme")
        assert not provider.is_confirmed("docs_url"), "nobody opened the page"


# Files of the twelve that name the source of each shape instead.
VENDOR_SHAPES = {each.key for each in all_providers() if each.confidence == "vendor"}


@pytest.mark.parametrize("key", KEYS)
def test_limits_and_webhooks_are_read_by_something_that_exists(key: str) -> None:
    provider = get_provider(key)
    assert provider.rate_limit_dialect in dialects()
    assert not provider.webhook_scheme or provider.webhook_scheme in webhook_schemes()
    if not dialects()[provider.rate_limit_dialect] and provider.is_offered:
        assert provider.limits or not provider.is_confirmed("limits")
    assert all(set(limit.kinds) <= set(provider.kinds) for limit in provider.limits)


@pytest.mark.parametrize("key", KEYS)
def test_what_cannot_be_done_yet_says_why(key: str) -> None:
    provider = get_provider(key)
    assert provider.is_offered or provider.not_yet
    for way in provider.not_yet:
        assert way.what
        assert way.why.endswith(".")


@pytest.mark.parametrize("key", [key for key in KEYS if get_provider(key).oauth])
def test_rights_have_words(key: str) -> None:
    provider = get_provider(key)
    assert provider.oauth is not None
    without = [s for s in provider.oauth.default_scopes if s not in provider.scope_words]
    assert not without
    assert not any(re.search(r"\bfull|\ball\b", s) for s in provider.oauth.default_scopes) or any(
        s in ONLY_SCOPES for s in provider.oauth.default_scopes
    ), "the least privilege is the default"
    assert all(s == s.strip() and " " not in s for s in provider.oauth.default_scopes)


# There is no narrower one.
ONLY_SCOPES = {"all.full_access", "all-apis", "full", "all", "developer/v1/all"}


@pytest.mark.parametrize("key", KEYS)
def test_changes_are_dated_or_say_that_no_day_is_named(key: str) -> None:
    for sunset in get_provider(key).sunsets:
        assert sunset.source
        assert sunset.what.endswith(".")
        assert sunset.on is None or date(2020, 1, 1) < sunset.on < date(2035, 1, 1)


@pytest.mark.parametrize("key", KEYS)
def test_a_pattern_takes_no_time_however_long_a_paste_is(key: str) -> None:
    for shape in get_provider(key).key_formats:
        for junk in ("a-" * 20_000 + "!", "A" * 40_000 + "!", "0" * 40_000 + "\n", "eyJ" + "a." * 20_000 + "!"):
            began = time.perf_counter()
            shape.matches(junk)
            assert time.perf_counter() - began < 0.25, shape.pattern


@pytest.mark.parametrize("key", KEYS)
def test_a_file_is_written_in_one_form(key: str) -> None:
    text = (CATALOGUE / f"{key}.toml").read_text("utf-8")
    names = list(tables(key))
    order = [one.name for one in fields(Provider)]
    assert names[:7] == ["key", "name", "category", "base_url", "allowed_hosts", "docs_url", "checked_on"]
    assert set(names) <= set(order)
    assert text.startswith("# Facts only; ")
    assert text.endswith("\n")
    assert "\t" not in text
    assert not re.search(r"[ \t]\n|\n\n\n", text)
    assert "memory" not in text.replace('confidence = "memory"', ""), "the words of the notes of whoever looked"


def strings_of(shape: KeyFormat) -> list[str]:
    """Return texts that have a shape: each part of its pattern as short and as long as it may be."""
    return [SAMPLES[shape.pattern]] if shape.pattern in SAMPLES else list(made_from(shape.pattern))


def distinct() -> list[tuple[str, KeyFormat]]:
    """Return the shapes that one provider claims for its own."""
    return [(each.key, shape) for each in all_providers() for shape in each.key_formats if shape.is_distinct]


def test_no_two_providers_claim_one_shape() -> None:
    shared = {
        (text[:12], *sorted({owner, other}))
        for owner, shape in distinct()
        for text in strings_of(shape)
        for other, theirs in distinct()
        if other != owner and theirs.matches(text)
    }
    assert not shared


def test_a_text_made_from_a_shape_has_it() -> None:
    missed = [(owner, shape.pattern) for owner, shape in distinct() if not all(map(shape.matches, strings_of(shape)))]
    assert not missed


def test_a_name_of_a_variable_belongs_to_one_provider() -> None:
    owners: dict[str, list[str]] = {}
    for provider in all_providers():
        for word in provider.env_names:
            assert re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*", word), (provider.key, word)
            owners.setdefault(word, []).append(provider.key)
    assert not {word: keys for word, keys in owners.items() if len(keys) > 1}
    for provider in all_providers():
        assert provider.env_names, provider.key
        assert guess_by_name(f"{provider.env_names[0]}_API_KEY")[0].provider_key == provider.key


def test_the_catalogue_has_what_was_promised() -> None:
    assert len(KEYS) >= PROMISED
    assert len({each.name.lower() for each in all_providers()}) == len(KEYS)


PROMISED = 183
SAMPLES: dict[str, str] = {}


def made_from(pattern: str) -> list[str]:
    """Return two texts with the shape of a pattern, from its syntax: by the first and by the last choice."""
    from re import _parser  # type: ignore[attr-defined]

    parsed = _parser.parse(pattern)
    return ["".join(_one(op, value, last=last) for op, value in parsed) for last in (False, True)]


def _one(op: Any, value: Any, *, last: bool) -> str:
    name = str(op)
    if name == "LITERAL":
        return chr(value)
    if name == "ANY":
        return "x"
    if name == "IN":
        return _of_set(value, last=last)
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        low, high, inner = value
        times = low if not last or high > 400 else high
        return "".join(_one(*part, last=last) for part in inner) * times
    if name == "SUBPATTERN":
        return "".join(_one(*part, last=last) for part in value[-1])
    if name == "BRANCH":
        return "".join(_one(*part, last=last) for part in value[1][-1 if last else 0])
    return ""


def _of_set(members: Any, *, last: bool) -> str:
    op, value = members[-1 if last else 0]
    if str(op) == "RANGE":
        return chr(value[1] if last else value[0])
    if str(op) == "CATEGORY":
        return "7"
    return chr(value)
