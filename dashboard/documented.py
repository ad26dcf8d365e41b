"""What providers document of their limits: those of the catalogue, and those a consultant described."""

from __future__ import annotations

from collections.abc import Iterable

from integrations.limits import fitting_limits
from integrations.models import CustomProvider
from integrations.providers.limit_facts import Limit
from integrations.providers.reading import BadFacts
from integrations.providers.registry import ProviderNotFound, catalogue, described
from integrations.providers.shape import Provider


def providers_of(keys: Iterable[str]) -> dict[str, Provider]:
    """Return the providers of many connections in at most one query; one that is gone or unreadable is absent."""
    wanted = set(keys)
    found = {key: catalogue()[key] for key in wanted if key in catalogue()}
    if missing := wanted - set(found):
        for key, facts in CustomProvider.objects.filter(key__in=missing).values_list("key", "facts"):
            try:
                found[key] = described(key, facts)
            except (BadFacts, ProviderNotFound):
                continue
    return found


def documented_of(provider: Provider | None, *, kind: str, is_production: bool) -> list[Limit]:
    """Return the limits that the provider's pages name for a kind of credential, live or for tests."""
    return fitting_limits(provider, kind=kind, environment="live" if is_production else "test") if provider else []
