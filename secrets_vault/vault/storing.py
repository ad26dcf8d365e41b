"""Storing values: new secrets, new versions, and which version is current."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from secrets_vault import audit, generation
from secrets_vault.actor import Actor
from secrets_vault.errors import BadInput, NoValue, StaleVersion
from secrets_vault.models import Client, Environment, SecretVersion, StoredSecret, User
from secrets_vault.secret import Secret
from secrets_vault.vault.fields import check_fields, open_fields, write_fields
from secrets_vault.vault.policy import Policy, write_policy

State = SecretVersion.State


def store(
    *,
    actor: Actor,
    client: Client | None,
    environment: Environment | None,
    kind: str,
    label: str,
    fields: Mapping[str, Secret],
    provider_key: str = "",
    made_on: date | None = None,
    owner: User | None = None,
    owner_name: str = "",
    where_used: str = "",
    policy: Policy | None = None,
    expires_at: datetime | None = None,
    rotate_after_days: int | None = None,
    pending: bool = False,
    reason: str = "",
) -> StoredSecret:
    """Store a new secret with its first version, current unless `pending`.

    No client means the agency's own. `made_on` is when the provider made it, None for "not known".
    Raises BadInput for fields that this kind does not have.
    """
    check_fields(kind, fields)
    _check_place(client, environment)
    with transaction.atomic():
        stored = StoredSecret.objects.create(
            client=client,
            environment=environment,
            kind=kind,
            label=label,
            provider_key=provider_key,
            owner=owner,
            owner_name=owner_name,
            where_used=where_used,
            rotate_after_days=rotate_after_days,
        )
        if policy is not None:
            write_policy(stored, policy)
        about: dict[str, Any] = {"made_on": made_on, "expires_at": expires_at, "reason": reason}
        _add_version("secret.stored", stored, fields, actor=actor, pending=pending, **about)
    return stored


def store_elsewhere(
    *,
    actor: Actor,
    client: Client | None,
    environment: Environment | None,
    label: str,
    place: str,
    url: str = "",
    made_on: date | None = None,
    owner: User | None = None,
    owner_name: str = "",
    where_used: str = "",
    provider_key: str = "",
    expires_at: datetime | None = None,
    rotate_after_days: int | None = None,
) -> StoredSecret:
    """Note a secret that is kept in another place: no value, but age, owner and reminders like any other."""
    _check_place(client, environment)
    with transaction.atomic():
        stored = StoredSecret.objects.create(
            client=client,
            environment=environment,
            kind=StoredSecret.Kind.ELSEWHERE,
            label=label,
            elsewhere_place=place,
            elsewhere_url=url,
            provider_key=provider_key,
            owner=owner,
            owner_name=owner_name,
            where_used=where_used,
            rotate_after_days=rotate_after_days,
        )
        _add_version("secret.stored", stored, {}, actor=actor, made_on=made_on, expires_at=expires_at)
    return stored


def replace(
    stored: StoredSecret,
    fields: Mapping[str, Secret],
    *,
    actor: Actor,
    made_on: date | None = None,
    expires_at: datetime | None = None,
    reason: str = "",
    pending: bool = False,
    expected_current: UUID | None = None,
) -> SecretVersion:
    """Store a new version with exactly these fields; the one before goes into grace and stays restorable.

    `expected_current` is the id of the version the caller read: raises StaleVersion when another one is
    current by now. A secret kept elsewhere takes no fields: its new version says that it was rotated there.
    """
    if stored.kind != StoredSecret.Kind.ELSEWHERE or fields:
        check_fields(stored.kind, fields)
    with transaction.atomic():
        locked = lock(stored, expected_current=expected_current)
        about: dict[str, Any] = {"made_on": made_on, "expires_at": expires_at, "reason": reason}
        version = _add_version("secret.replaced", locked, fields, actor=actor, pending=pending, **about)
    _show(stored, locked)
    return version


def change_fields(
    stored: StoredSecret,
    changed: Mapping[str, Secret],
    *,
    actor: Actor,
    removed: Iterable[str] = (),
    reason: str = "",
    expected_current: UUID | None = None,
) -> SecretVersion:
    """Store a new version in which only these fields differ.

    Raises Unreadable when a field that would be carried over does not open; nothing is written then, and
    the unreadable one is never overwritten unless it is among `changed` or `removed`.
    """
    gone = set(removed)
    with transaction.atomic():
        locked = lock(stored, expected_current=expected_current)
        version = _current_of(locked)
        kept = _open_all_but(locked, version, gone | set(changed))
        order = [row.name for row in version.fields.all() if row.name not in gone]
        order += [name for name in changed if name not in order and name not in gone]
        fields = {name: changed[name] if name in changed else kept[name] for name in order}
        check_fields(locked.kind, fields)
        about: dict[str, Any] = {"made_on": version.made_on, "expires_at": version.expires_at, "reason": reason}
        made = _add_version("secret.replaced", locked, fields, actor=actor, **about)
    _show(stored, locked)
    return made


def restore(stored: StoredSecret, number: int, *, actor: Actor, reason: str = "") -> SecretVersion:
    """Make a new version with the values of an old one, as old as that one. Raises Unreadable or NoValue."""
    with transaction.atomic():
        locked = lock(stored)
        old = locked.versions.filter(number=number).first()
        if old is None:
            raise NoValue(_("This secret has no version {number}.").format(number=number))
        about: dict[str, Any] = {
            "made_on": old.made_on,
            "expires_at": old.expires_at,
            "reason": reason,
            "restored_from": number,
        }
        made = _add_version("secret.restored", locked, open_fields(locked, old), actor=actor, **about)
    _show(stored, locked)
    return made


def mark_verified(version: SecretVersion, *, actor: Actor, now: datetime | None = None) -> None:
    """Note that a pending version was tried and works. It becomes current by `promote()`."""
    with transaction.atomic():
        stored = lock(version.secret)
        version.verified_at = now or timezone.now()
        if version.state == State.PENDING:
            version.state = State.VERIFIED
        version.save(update_fields=["state", "verified_at"])
        _tell("secret.verified", stored, version, actor=actor)


def promote(version: SecretVersion, *, actor: Actor) -> None:
    """Make a pending or verified version the current one; the one before goes into grace."""
    with transaction.atomic():
        locked = lock(version.secret)
        version.refresh_from_db(fields=["state"])
        if version.state not in (State.PENDING, State.VERIFIED):
            raise BadInput(
                _("Version {number} is {lower}, not waiting.").format(
                    number=version.number, lower=version.get_state_display().lower()
                )
            )
        _make_current(locked, version)
        _tell("secret.promoted", locked, version, actor=actor)
    _show(version.secret, locked)


def lock(stored: StoredSecret, *, expected_current: UUID | None = None) -> StoredSecret:
    """Return the secret's row, locked until the transaction ends. Raises NoValue when it was deleted."""
    locked = StoredSecret.objects.select_for_update().get(pk=stored.pk)
    if locked.deleted_at is not None:
        raise NoValue(_("This secret was deleted. Undelete it first."))
    if expected_current is not None and locked.current_id != expected_current:
        raise StaleVersion(_("Somebody stored a newer version meanwhile. Look at it before you store yours."))
    return locked


def _check_place(client: Client | None, environment: Environment | None) -> None:
    if environment is not None and (client is None or environment.client_id != client.pk):
        raise BadInput(_("The environment belongs to another client."))


def _current_of(stored: StoredSecret) -> SecretVersion:
    if stored.current is None:
        raise NoValue(_("This secret has no current version."))
    return stored.current


def _open_all_but(stored: StoredSecret, version: SecretVersion, skipped: set[str]) -> dict[str, Secret]:
    from secrets_vault.vault.fields import open_field

    return {row.name: open_field(stored, version, row) for row in version.fields.all() if row.name not in skipped}


def _add_version(
    action: str,
    stored: StoredSecret,
    fields: Mapping[str, Secret],
    *,
    actor: Actor,
    pending: bool = False,
    **about: Any,
) -> SecretVersion:
    stored.last_number += 1
    stored.save(update_fields=["last_number"])
    version = SecretVersion.objects.create(
        secret=stored,
        number=stored.last_number,
        made_by=actor.label,
        created_by_id=actor.id if actor.kind == "user" else None,
        **about,
    )
    hashed = write_fields(stored, version, fields) if fields else ""
    if not pending:
        _make_current(stored, version)
    _tell(action, stored, version, actor=actor, ciphertext_hash=hashed)
    return version


def _make_current(stored: StoredSecret, version: SecretVersion) -> None:
    """Move the pointer. One version may stay in grace, the one just replaced; older ones retire."""
    now = timezone.now()
    stored.versions.filter(state=State.GRACE).update(state=State.RETIRED, retired_at=now)
    if stored.current_id is not None:
        stored.versions.filter(pk=stored.current_id).update(state=State.GRACE)
    version.state = State.CURRENT
    version.save(update_fields=["state"])
    stored.current = version
    stored.snoozed_until, stored.snooze_reason = None, ""  # a snooze was for the version it replaced
    stored.save(update_fields=["current", "snoozed_until", "snooze_reason"])


def _tell(
    action: str, stored: StoredSecret, version: SecretVersion, *, actor: Actor, ciphertext_hash: str = ""
) -> None:
    details = {"version": version.number, "kind": stored.kind, "state": version.state}
    if version.restored_from:
        details["restored_from"] = version.restored_from
    audit.record(
        action,
        actor=actor,
        client=stored.client_id,
        subject=stored,
        details=details,
        ciphertext_hash=ciphertext_hash,
    )
    generation.bump()


def _show(stored: StoredSecret, locked: StoredSecret) -> None:
    """Bring the caller's copy of the row up to date with the one that was written."""
    for name in ("current", "last_number", "snoozed_until", "snooze_reason"):
        setattr(stored, name, getattr(locked, name))
