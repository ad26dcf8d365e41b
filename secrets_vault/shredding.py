"""Crypto-shredding: a client's keyring is destroyed, and whatever was sealed under it can never be read again here.

What it cannot reach: a backup made before holds the same keys, wrapped, beside what they open. It stays readable for
whoever has that backup and the wrapping key, until the backup is deleted.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from secrets_vault import audit, generation, keyring, leftovers
from secrets_vault.actor import Actor
from secrets_vault.errors import Unreadable
from secrets_vault.models import AuditEvent, Client, KeyTerm, SecretField


def shred(client: Client, *, actor: Actor, now: datetime) -> int:
    """Destroy every term of a client's keyring; return how many had a key. No term is ever opened for it again."""
    with transaction.atomic():
        living = KeyTerm.objects.select_for_update().filter(client=client).exclude(state=KeyTerm.State.DESTROYED)
        ids = list(living.values_list("pk", flat=True))
        if ids or not KeyTerm.objects.filter(client=client).exists():
            _destroy(client, ids)
            values = SecretField.objects.filter(version__secret__client=client).count()
            details = {"terms": [str(pk) for pk in ids], "values": values}
            audit.record("client.shredded", actor=actor, client=client, subject=client, details=details, now=now)
        generation.bump()
        transaction.on_commit(leftovers.wipe, robust=True)
    return len(ids)


def _destroy(client: Client, ids: list[UUID]) -> None:
    """Overwrite the wrapped keys. A client that never had a keyring gets a destroyed one, so that none is begun."""
    KeyTerm.objects.filter(pk__in=ids).update(state=KeyTerm.State.DESTROYED, wrapped_key=None)
    if not ids:
        KeyTerm.objects.create(client=client, state=KeyTerm.State.DESTROYED, wrapped_key=None)


def what_still_opens(client: Client) -> list[str]:
    """Name every term of a client's keyring that is not destroyed. Empty is what a shredded client must give."""
    found = []
    for term in KeyTerm.objects.filter(client=client):
        try:
            keyring.opening_key(term.pk)
        except Unreadable:
            if term.wrapped_key is None:
                continue
        found.append(f"keyring {term.pk}")
    return found


def event_of(client: Client) -> AuditEvent | None:
    """Return the event that tells of the shredding, None before it."""
    found: AuditEvent | None = AuditEvent.objects.filter(client_id=client.pk, action="client.shredded").first()
    return found
