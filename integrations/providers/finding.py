"""Find a provider from what somebody types: a name, an alias, or a pasted address of its API."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from integrations.providers import templates
from integrations.providers.categories import words_for
from integrations.providers.checks import oauth_urls
from integrations.providers.loading import all_providers
from integrations.providers.recognising import guess_by_value
from integrations.providers.shape import Provider
from secrets_vault.secret import Secret

MAX_TEXT = 300
SHORTEST_KIND = 2


def search(text: str, *, among: Iterable[Provider] | None = None) -> list[Provider]:
    """Return the providers that fit a text, best first; all of them for an empty one.

    The text is part of a name, an alias or a kind of service, an address of the API, or a pasted credential.
    `among` is the catalogue, unless a page adds providers of its own.
    """
    providers = list(all_providers() if among is None else among)
    wanted = text.strip()[:MAX_TEXT]
    if not wanted:
        return providers
    ranked = [(rank, provider) for provider in providers if (rank := _rank(provider, wanted.lower())) is not None]
    found = [provider for _, provider in sorted(ranked, key=lambda pair: (pair[0], pair[1].name.lower()))]
    return found or _by_value(wanted, providers)


def _rank(provider: Provider, wanted: str) -> int | None:
    """Return 0 for the name itself up to 5 for the kind of service, or None."""
    host = _host(wanted)
    if host:
        return _rank_host(provider, host, wanted)
    names = [provider.name.lower(), provider.key, *(alias.lower() for alias in provider.aliases)]
    if wanted in names:
        return 0
    if names[0].startswith(wanted):
        return 2
    if any(name.startswith(wanted) for name in names):
        return 3
    if any(wanted in name for name in names):
        return 4
    return 5 if len(wanted) >= SHORTEST_KIND and _is_kind(provider, wanted) else None


def _is_kind(provider: Provider, wanted: str) -> bool:
    """Tell whether a word begins the provider's category, in English or the reader's language."""
    kinds = (provider.category.replace("_", " "), words_for(provider.category).lower())
    return any(kind.startswith(wanted) or f" {wanted}" in kind for kind in kinds)


def _rank_host(provider: Provider, host: str, wanted: str) -> int | None:
    """Return 0 where the path fits too (several APIs may share a host), 1 where the host does, or None."""
    if not any(_fits_host(host, known) for known in _hosts(provider)):
        return None
    start = wanted.partition("://")[2] or wanted
    first = start.partition("/")[2].partition("/")[0]
    own = provider.probe.path if provider.probe else ""
    return 0 if first and own.startswith(f"/{first}/") else 1


def _host(text: str) -> str:
    """Return the host of a pasted address ("api.hubapi.com/crm" too), or "" for plain words."""
    if " " in text or "." not in text:
        return ""
    try:
        return urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""


def _hosts(provider: Provider) -> list[str]:
    """Return the hosts that belong to a provider, those with variables by their defaults and examples."""
    values = {v.name: v.default or v.example for v in provider.variables if v.default or v.example}
    texts = [*provider.allowed_hosts, *(templates.host(url) for url in oauth_urls(provider))]
    return [templates.fill(text, values) for text in texts] + [alias for alias in provider.aliases if "." in alias]


def _fits_host(host: str, known: str) -> bool:
    """Return whether a host is a known one or below it."""
    return host == known or host.endswith(f".{known}")


def _by_value(text: str, providers: list[Provider]) -> list[Provider]:
    keys = [guess.provider_key for guess in guess_by_value(Secret(text))]
    return [provider for provider in providers if provider.key in keys]
