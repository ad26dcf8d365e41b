"""What is known about a secret: changed without touching its value."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.models import SecretVersion, StoredSecret

DESCRIBING = frozenset(
    {"label", "owner", "owner_name", "where_used", "provider_key", "rotate_after_days", "rotate_on"}
    | {"elsewhere_place", "elsewhere_url"}
)


def describe(stored: StoredSecret, *, actor: Actor, **changes: Any) -> None:
    """Change what is known about a secret (label, owner, where it is used, …), never its value."""
    unknown = set(changes) - DESCRIBING
    if unknown:
        raise TypeError(f"describe() does not change {', '.join(sorted(unknown))}")
    with transaction.atomic():
        for name, value in changes.items():
            setattr(stored, name, value)
        stored.save(update_fields=list(changes))
        details = {"changed": sorted(changes)}
        audit.record("secret.changed", actor=actor, client=stored.client_id, subject=stored, details=details)


def note_end(version: SecretVersion, at: datetime, *, actor: Actor) -> None:
    """Keep when a version ends, as its provider told. Whatever a person had written gives way to it."""
    with transaction.atomic():
        version.expires_at = at
        version.save(update_fields=["expires_at"])
        stored = version.secret
        details = {"version": version.number, "ends": at.strftime("%Y-%m-%d %H:%M UTC")}
        audit.record("secret.end_told", actor=actor, client=stored.client_id, subject=stored, details=details)
