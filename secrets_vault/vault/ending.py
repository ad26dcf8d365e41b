"""Ending a value's life: retire a version, delete a secret so that it can come back, destroy it for good."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from secrets_vault import audit, generation, leftovers
from secrets_vault.actor import Actor
from secrets_vault.errors import BadInput
from secrets_vault.models import SecretField, SecretVersion, StoredSecret
from secrets_vault.vault.storing import lock

State = SecretVersion.State


def retire(version: SecretVersion, *, actor: Actor) -> None:
    """End the grace of an old version, or give up a waiting one. The current one cannot be retired."""
    with transaction.atomic():
        stored = lock(version.secret)
        if stored.current_id == version.pk:
            raise BadInput(_("The current version cannot be retired. Store a new one, or delete the secret."))
        version.state, version.retired_at = State.RETIRED, timezone.now()
        version.save(update_fields=["state", "retired_at"])
        _tell("secret.retired", stored, actor=actor, details={"version": version.number})


def delete(stored: StoredSecret, *, actor: Actor, reason: str = "") -> None:
    """Take a secret out of use. Nothing opens it until `undelete()`; its values are still there."""
    with transaction.atomic():
        locked = StoredSecret.objects.select_for_update().get(pk=stored.pk)
        if locked.deleted_at is None:
            locked.deleted_at = timezone.now()
            locked.save(update_fields=["deleted_at"])
            _tell("secret.deleted", locked, actor=actor, details={"reason": reason})
    stored.deleted_at = locked.deleted_at


def undelete(stored: StoredSecret, *, actor: Actor) -> None:
    """Bring a deleted secret back into use."""
    with transaction.atomic():
        locked = StoredSecret.objects.select_for_update().get(pk=stored.pk)
        if locked.current_id is None and locked.last_number:
            raise BadInput(_("The values of this secret were destroyed and cannot come back."))
        if locked.deleted_at is not None:
            locked.deleted_at = None
            locked.save(update_fields=["deleted_at"])
            _tell("secret.undeleted", locked, actor=actor, details={})
    stored.deleted_at = None


def destroy(stored: StoredSecret, *, actor: Actor, reason: str) -> None:
    """Remove every value of every version for good. The secret's name and history stay, without values."""
    now = timezone.now()
    with transaction.atomic():
        locked = StoredSecret.objects.select_for_update().get(pk=stored.pk)
        count, _ = SecretField.objects.filter(version__secret=locked).delete()
        locked.versions.update(state=State.RETIRED, retired_at=now)
        locked.current, locked.policy, locked.policy_mac = None, None, None
        locked.deleted_at = now
        locked.save(update_fields=["current", "policy", "policy_mac", "deleted_at"])
        _tell("secret.destroyed", locked, actor=actor, details={"reason": reason, "values": count})
        transaction.on_commit(leftovers.wipe, robust=True)
    stored.refresh_from_db()


def _tell(action: str, stored: StoredSecret, *, actor: Actor, details: dict[str, object]) -> None:
    audit.record(action, actor=actor, client=stored.client_id, subject=stored, details=details)
    generation.bump()
