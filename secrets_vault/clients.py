"""Make, change and archive clients and their environments. Each act is in the book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from secrets_vault import audit
from secrets_vault.models import Client, Environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from secrets_vault.actor import Actor


def create_client(*, name: str, slug: str, environments: Sequence[str], actor: Actor) -> Client:
    """Make a client with its environments, in the order given. The one called "production" is marked as such."""
    with transaction.atomic():
        client = Client.objects.create(name=name, slug=slug)
        for position, environment in enumerate(environments):
            _make_environment(client, environment, position=position)
        details = {"slug": slug, "environments": ", ".join(environments)}
        audit.record("client.created", actor=actor, client=client, subject=client, details=details)
    return client


def add_environment(client: Client, slug: str, *, actor: Actor) -> Environment:
    """Add an environment after the ones that a client has."""
    with transaction.atomic():
        made = _make_environment(client, slug, position=client.environments.count())
        audit.record("client.environment_added", actor=actor, client=client, subject=made, details={"slug": slug})
    return made


def _make_environment(client: Client, slug: str, *, position: int) -> Environment:
    return Environment.objects.create(client=client, slug=slug, is_production=slug == "production", position=position)


def change_client(client: Client, *, actor: Actor, **changes: Any) -> None:
    """Change what is not secret about a client: name, notes, language, time zone, days, snooze."""
    changed = {name: value for name, value in changes.items() if getattr(client, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(client, name, value)
    with transaction.atomic():
        client.save(update_fields=list(changed))
        details = {"changed": ", ".join(sorted(changed))}
        audit.record("client.changed", actor=actor, client=client, subject=client, details=details)


def archive(client: Client, *, actor: Actor, now: datetime) -> None:
    """Take a client off the lists. Its secrets and history stay, and its automations go on; nothing is deleted."""
    _set_archived(client, now, "client.archived", actor=actor)


def unarchive(client: Client, *, actor: Actor) -> None:
    """Put an archived client back on the lists."""
    _set_archived(client, None, "client.unarchived", actor=actor)


def _set_archived(client: Client, at: datetime | None, action: str, *, actor: Actor) -> None:
    client.archived_at = at
    with transaction.atomic():
        client.save(update_fields=["archived_at"])
        audit.record(action, actor=actor, client=client, subject=client)
