"""Keep the providers that a consultant describes: written in the book, and known to every process at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q

from integrations.errors import IntegrationError
from integrations.models import Connection, CustomProvider, OAuthApp
from integrations.providers import templates
from integrations.providers.custom import custom_from
from integrations.providers.loading import CUSTOM_PREFIX
from integrations.providers.reading import BadFacts
from integrations.providers.shape import Provider
from secrets_vault import audit, generation
from secrets_vault.actor import Actor
from secrets_vault.models import Client

UNTOLD = ("checked_on",)  # the day of writing is no change


def describe(
    table: Mapping[str, Any],
    *,
    actor: Actor,
    key: str,
    name: str,
    client: Client | None,
    today: date,
    is_sandbox: bool = False,
    where: str = "custom",
    **more: Any,
) -> tuple[CustomProvider, bool]:
    """Return the provider with this key as described, and whether anything changed. Raises BadFacts.

    `table` and `more` as in `custom_from`. A key stays with its client: another client's is refused.
    """
    if not key.startswith(CUSTOM_PREFIX):
        raise BadFacts(where, "key", f"must start with {CUSTOM_PREFIX}")
    facts = custom_from(table, key=key, name=name, today=today, where=where, **more)
    with transaction.atomic():
        row = CustomProvider.objects.select_for_update().filter(key=key).first()
        if row is None:
            row = CustomProvider(key=key, client=client, is_sandbox=is_sandbox)
        elif row.client_id != (client and client.pk):
            raise BadFacts(where, "key", "belongs to another client")
        elif _told(row.facts) == _told(facts):
            return row, False
        _save(row, facts, actor=actor)
    return row, True


class StillDescribes(IntegrationError):
    """Connections or OAuth apps use this description. `connections` and `apps` say which."""

    code = "provider_still_used"

    def __init__(self, connections: list[Connection], apps: list[OAuthApp]) -> None:
        self.connections, self.apps = connections, apps
        super().__init__(f"used by {len(connections)} connections and {len(apps)} OAuth apps")


def forget(row: CustomProvider, *, actor: Actor) -> None:
    """Delete a description that nothing uses. Raises StillDescribes."""
    with transaction.atomic():
        CustomProvider.objects.select_for_update().filter(pk=row.pk).first()
        connections = list(Connection.objects.filter(provider_key=row.key).select_related("client"))
        apps = list(OAuthApp.objects.filter(provider_key=row.key))
        if connections or apps:
            raise StillDescribes(connections, apps)
        audit.record("provider.forgotten", actor=actor, client=row.client, subject=row, details={"key": row.key})
        row.delete()
        generation.bump()


def described_for(client: Client) -> list[Provider]:
    """Return the described providers that a client can be connected to: its own and the agency's."""
    rows = CustomProvider.objects.filter(Q(client=client) | Q(client=None)).order_by("name")
    return [Provider.from_facts(facts, where=key) for key, facts in rows.values_list("key", "facts")]


def _told(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in UNTOLD}


def _save(row: CustomProvider, facts: dict[str, Any], *, actor: Actor) -> None:
    row.name, row.facts = facts["name"], facts
    row.save()
    audit.record(
        "provider.described",
        actor=actor,
        client=row.client,
        subject=row,
        details={"key": row.key, "host": templates.host(facts["base_url"])},
    )
    generation.bump()
