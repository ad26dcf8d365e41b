"""Read providers: the catalogue's files, once at start, and the rows a consultant made."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from integrations.errors import IntegrationError
from integrations.models import CustomProvider
from integrations.providers.reading import BadFacts
from integrations.providers.shape import Provider

CATALOGUE = Path(__file__).parent / "catalogue"
CUSTOM_PREFIX = "custom-"


class ProviderNotFound(IntegrationError):
    """No provider has this key."""

    code = "provider_not_found"


def get_provider(key: str) -> Provider:
    """Return the provider with this key, from the catalogue or a CustomProvider row. Raises ProviderNotFound.

    A row is read each time it is asked for, so that a change holds from the next call in every process.
    """
    if key.startswith(CUSTOM_PREFIX):
        return _custom(key)
    try:
        return catalogue()[key]
    except KeyError:
        raise ProviderNotFound(f"there is no provider {key}") from None


def all_providers() -> tuple[Provider, ...]:
    """Return the catalogue, by name."""
    return tuple(sorted(catalogue().values(), key=lambda provider: provider.name.lower()))


@cache
def catalogue() -> Mapping[str, Provider]:
    """Return the catalogue by key. Raises BadFacts with file, field and reason."""
    return MappingProxyType({path.stem: read_file(path) for path in sorted(CATALOGUE.glob("*.toml"))})


def read_file(path: Path) -> Provider:
    """Return the provider that one file describes. Raises BadFacts."""
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadFacts(path.name, "(file)", str(error)) from None
    provider = Provider.from_facts(facts, where=path.name)
    if provider.key != path.stem:
        raise BadFacts(path.name, "key", f"must be the file's name, {path.stem}")
    return provider


def _custom(key: str) -> Provider:
    facts = CustomProvider.objects.filter(key=key).values_list("facts", flat=True).first()
    return described(key, facts)


def described(key: str, facts: Mapping[str, Any] | None) -> Provider:
    """Return the provider of a CustomProvider row, None where there is no such row. Raises ProviderNotFound."""
    if facts is None:
        raise ProviderNotFound(f"there is no provider {key}")
    return Provider.from_facts(facts, where=key)
