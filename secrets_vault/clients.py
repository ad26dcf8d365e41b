"""Make, change and archive clients and their environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from secrets_vault.models import Client, Environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def create_client(*, name: str, slug: str, environments: Sequence[str], notes: str = "") -> Client:
    """Make a client with its environments, in the order given. The one called "production" is marked as such."""
    with transaction.atomic():
        client = Client.objects.create(name=name, slug=slug, notes=notes)
        for environment in environments:
            add_environment(client, environment)
    return client


def add_environment(client: Client, slug: str) -> Environment:
    """Add an environment after the ones that a client has."""
    return Environment.objects.create(
        client=client, slug=slug, is_production=slug == "production", position=client.environments.count()
    )


def archive(client: Client, *, now: datetime) -> None:
    """Take a client off the lists. Its secrets and history stay; nothing is deleted."""
    client.archived_at = now
    client.save(update_fields=["archived_at"])


def unarchive(client: Client) -> None:
    """Put an archived client back."""
    client.archived_at = None
    client.save(update_fields=["archived_at"])
