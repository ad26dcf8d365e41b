"""What providers are called on pages: the catalogue's name, or the one its describer gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from dashboard.words import last_provider_word
from integrations.models import CustomProvider
from integrations.providers.registry import catalogue
from secrets_vault import generation

CUSTOM_PREFIX = "custom-"


def provider_names(keys: Iterable[str]) -> dict[str, str]:
    """Return the name of each provider; custom ones are read once and again when something changed."""
    return {key: _name_of(key) for key in set(keys)}


def _name_of(key: str) -> str:
    if key in catalogue():
        return catalogue()[key].name
    if key.startswith(CUSTOM_PREFIX):
        known = _custom_names(generation.current())
        if key not in known:
            _custom_names.cache_clear()
            known = _custom_names(generation.current())
        return known.get(key) or last_provider_word(key)
    return last_provider_word(key)


@lru_cache(maxsize=1)
def _custom_names(generation_number: int) -> dict[str, str]:
    return dict(CustomProvider.objects.values_list("key", "name"))


def name_providers[Row](rows: Iterable[Row]) -> list[Row]:
    """Give each row with a `provider_key` the attribute `provider_name`, for a template to show."""
    found = list(rows)
    names: Mapping[str, str] = provider_names(row.provider_key for row in found)  # type: ignore[attr-defined]
    for row in found:
        row.provider_name = names[row.provider_key]  # type: ignore[attr-defined]
    return found
