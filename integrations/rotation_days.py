"""After how many days each provider's credentials are to be rotated: the owner's word, else the catalogue's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from django.db import transaction

from integrations.errors import IntegrationError
from integrations.providers.registry import ProviderNotFound, get_provider
from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.models import InstallationSetting

SETTING = "rotation.provider_days"
SHORTEST, LONGEST = 1, 730


class BadDays(IntegrationError):
    """A number of days that is no rule. Give 1 to 730, or nothing for the provider's own advice."""

    code = "bad_days"


def chosen() -> dict[str, int]:
    """Return the owner's rules by provider key."""
    row = InstallationSetting.objects.filter(key=SETTING).first()
    return dict(row.value) if row else {}


def advised(provider_key: str) -> int | None:
    """Return what the provider's facts advise, or None where nothing is known."""
    try:
        return get_provider(provider_key).rotation.after_days if provider_key else None
    except ProviderNotFound:
        return None


def choose(days: Mapping[str, int | None], *, actor: Actor) -> None:
    """Set or (with None) drop the rules of these providers. Raises BadDays."""
    wrong = [key for key, count in days.items() if count is not None and not SHORTEST <= count <= LONGEST]
    if wrong:
        raise BadDays(f"{wrong[0]}: a rule has {SHORTEST} to {LONGEST} days.")
    with transaction.atomic():
        before = chosen()
        after = {key: count for key, count in {**before, **days}.items() if count is not None}
        if after == before:
            return
        InstallationSetting.objects.update_or_create(key=SETTING, defaults={"value": after})
        changed = {key: after.get(key) for key in {*before, *after} if before.get(key) != after.get(key)}
        audit.record("rotation.rules_changed", actor=actor, label="Rotation rules", details={"days": changed})


def by_provider() -> Callable[[str], int | None]:
    """Return a function from provider key to days. It reads the rules once and each provider once."""
    rules = chosen()

    @cache
    def days_of(provider_key: str) -> int | None:
        return rules.get(provider_key) or advised(provider_key)

    return days_of
