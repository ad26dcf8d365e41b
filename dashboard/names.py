"""What providers are called on pages: the catalogue's name, or the one its describer gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dashboard.words import last_provider_word
from integrations.models import CustomProvider
from integrations.providers.registry import catalogue


def provider_names(keys: Iterable[str]) -> dict[str, str]:
    """Return the name of each provider, in one query at most however many are custom."""
    wanted = set(keys)
    names = {key: catalogue()[key].name for key in wanted if key in catalogue()}
    missing = wanted - set(names)
    if missing:
        names.update(CustomProvider.objects.filter(key__in=missing).values_list("key", "name"))
    return {key: names.get(key) or last_provider_word(key) for key in wanted}


def name_providers[Row](rows: Iterable[Row]) -> list[Row]:
    """Give each row with a `provider_key` the attribute `provider_name`, for a template to show."""
    found = list(rows)
    names: Mapping[str, str] = provider_names(row.provider_key for row in found)  # type: ignore[attr-defined]
    for row in found:
        row.provider_name = names[row.provider_key]  # type: ignore[attr-defined]
    return found
