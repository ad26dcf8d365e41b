"""The recovery kit: one page with the wrapping key, to keep in a password manager or a safe.

Without the wrapping key no backup opens, and it is in none of them. Showing it is written in the book
first, and refused when that fails; the page asks for the password again before it calls this.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from secrets_vault import audit, keys, wrapping_key
from secrets_vault.actor import Actor
from secrets_vault.errors import WrongWrappingKey
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret

ACTION = "recovery_kit.shown"


@dataclass(frozen=True)
class RecoveryKit:
    """What the page prints."""

    installation_id: str
    fingerprint: str
    address: str
    made_at: datetime
    wrapping_key: Secret

    def as_text(self) -> str:
        """Return the page as plain text, wrapping key and all, for a download or a printer."""
        return (
            "Keylodge recovery kit\n"
            "=====================\n\n"
            f"Installation  {self.installation_id}\n"
            f"Address       {self.address}\n"
            f"Made          {self.made_at:%Y-%m-%d %H:%M} UTC\n"
            f"Fingerprint   {self.fingerprint}\n\n"
            f"Wrapping key  {self.wrapping_key.expose()}\n\n"
            "Keep this apart from the backups: whoever has both can read every secret,\n"
            "and without this no backup opens.\n\n"
            "To restore: put the wrapping key into the file wrapping_key of an empty\n"
            "KEYLODGE_HOME (mode 0600), then run  ./keylodge restore FILE\n"
        )

    as_text.alters_data = True  # type: ignore[attr-defined]  # no template may call it


def make_kit(*, actor: Actor, now: datetime | None = None) -> RecoveryKit:
    """Return the kit, after the book was written. Raises AuditUnavailable or WrongWrappingKey."""
    vault = keys.unlock()
    key = wrapping_key.read(Path(settings.KEYLODGE_HOME))
    if key is None:
        raise WrongWrappingKey(f"The wrapping key {vault.fingerprint} is no longer here: put it back first.")
    at = now or timezone.now()
    with transaction.atomic(durable=True):
        audit.record(ACTION, actor=actor, label="Recovery kit", details={"wrapping_key": vault.fingerprint}, now=at)
    return RecoveryKit(
        installation_id=str(vault.installation_id),
        fingerprint=vault.fingerprint,
        address=settings.KEYLODGE_PUBLIC_URL,
        made_at=at,
        wrapping_key=Secret(wrapping_key.as_text(key)),
    )


def was_made() -> bool:
    """Tell whether anybody has taken the kit yet, so that a page can offer it."""
    return AuditEvent.objects.filter(action=ACTION).exists()
