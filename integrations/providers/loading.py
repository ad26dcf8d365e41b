"""Read providers: a file of the catalogue when it is first asked for, and the rows a consultant made."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
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


@cache
def all_providers() -> tuple[Provider, ...]:
    """Return the catalogue, by name. Reads every file: for pages that search, not for the start of a process."""
    return tuple(sorted(catalogue().values(), key=lambda provider: provider.name.lower()))


class Catalogue(Mapping[str, Provider]):
    """The providers of a folder by key. A file is read, and checked, when its key is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys = tuple(sorted(path.stem for path in folder.glob("*.toml")))
        self._known = frozenset(self._keys)
        self._read: dict[str, Provider] = {}

    def __getitem__(self, key: str) -> Provider:
        """Return a provider. Raises KeyError, and BadFacts with file, field and reason."""
        if key not in self._read:
            if key not in self._known:
                raise KeyError(key)
            self._read[key] = read_file(self._folder / f"{key}.toml")
        return self._read[key]

    def __contains__(self, key: object) -> bool:
        """Tell whether there is such a file, without reading it."""
        return key in self._known

    def __iter__(self) -> Iterator[str]:
        """Yield the keys in order."""
        return iter(self._keys)

    def __len__(self) -> int:
        """Return how many providers there are."""
        return len(self._keys)


@cache
def catalogue() -> Catalogue:
    """Return the catalogue by key."""
    return Catalogue(CATALOGUE)


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
