"""Opening values: a machine uses one, a person reveals or copies one. The book is written first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.errors import NoValue
from secrets_vault.models import SecretField, SecretVersion, StoredSecret
from secrets_vault.secret import Secret
from secrets_vault.vault.fields import open_field, open_fields


def use(
    stored: StoredSecret,
    *,
    actor: Actor,
    purpose: str,
    version: SecretVersion | None = None,
    rows: Iterable[SecretField] | None = None,
) -> dict[str, Secret]:
    """Return the values by field name, for a machine that spends them. The current version unless one is given.

    The first use of each version is written in the book before anything is opened; later ones are not.
    `rows` are the version's fields where the caller has read them already. Raises NoValue, Unreadable, or
    AuditUnavailable.
    """
    chosen = _choose(stored, version)
    if chosen.first_used_at is None:
        _tell_first_use(stored, chosen, actor=actor, purpose=purpose)
    return open_fields(stored, chosen, rows)


def holds(stored: StoredSecret, fields: Mapping[str, Secret]) -> bool:
    """Tell whether the current version holds exactly these values. It gives nothing away, so the book is not written.

    Raises NoValue or Unreadable.
    """
    opened = open_fields(stored, _choose(stored, None))
    return opened.keys() == fields.keys() and all(opened[name] == value for name, value in fields.items())


def reveal(stored: StoredSecret, field: str, *, actor: Actor, version: SecretVersion | None = None) -> Secret:
    """Return one value for a person to look at. The page asks for the password again before it calls this."""
    return _show_to_a_person("secret.revealed", stored, field, actor=actor, version=version)


def copy_value(stored: StoredSecret, field: str, *, actor: Actor, version: SecretVersion | None = None) -> Secret:
    """Return one value for a person's clipboard, without showing it."""
    return _show_to_a_person("secret.copied", stored, field, actor=actor, version=version)


def take_out(kept: Iterable[StoredSecret], *, actor: Actor) -> list[dict[str, Secret]]:
    """Return the current values of several secrets, for a person's file. The book names each one first.

    The page asks for the password again before it calls this. Raises NoValue, Unreadable, or AuditUnavailable.
    """
    chosen = [(stored, _choose(stored, None)) for stored in kept]
    # Durable: as for one value, no caller can roll the events back.
    with transaction.atomic(durable=True):
        for stored, version in chosen:
            details = {"version": version.number}
            audit.record("secret.taken_out", actor=actor, client=stored.client_id, subject=stored, details=details)
    return [open_fields(stored, version) for stored, version in chosen]


def _show_to_a_person(
    action: str, stored: StoredSecret, field: str, *, actor: Actor, version: SecretVersion | None
) -> Secret:
    chosen = _choose(stored, version)
    # Names are printable (fields.py); PostgreSQL refuses to compare with a NUL.
    row = SecretField.objects.filter(version=chosen, name=field).first() if field.isprintable() else None
    if row is None:
        raise NoValue(_("This version has no value named {field}.").format(field=f"{field!r}"))
    # Durable: the event is committed before the value is opened, and no caller can roll it back.
    with transaction.atomic(durable=True):
        details = {"field": field, "version": chosen.number}
        audit.record(action, actor=actor, client=stored.client_id, subject=stored, details=details)
    return open_field(stored, chosen, row)


def _choose(stored: StoredSecret, version: SecretVersion | None) -> SecretVersion:
    if stored.deleted_at is not None:
        raise NoValue(_("This secret was deleted."))
    chosen = version or stored.current
    if chosen is None or chosen.secret_id != stored.pk:
        raise NoValue(_("This secret has no such version."))
    return chosen


def _tell_first_use(stored: StoredSecret, version: SecretVersion, *, actor: Actor, purpose: str) -> None:
    now = timezone.now()
    with transaction.atomic():
        first = SecretVersion.objects.filter(pk=version.pk, first_used_at=None).update(first_used_at=now)
        if first:
            details = {"version": version.number, "purpose": purpose}
            audit.record("secret.used_first", actor=actor, client=stored.client_id, subject=stored, details=details)
    version.first_used_at = now
