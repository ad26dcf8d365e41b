"""Puts a backup back: everything that can be checked is checked before anything is written."""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from secrets_vault import audit, generation, keys, row_checks, wrapping_key
from secrets_vault.actor import COMMAND, Actor
from secrets_vault.backup import postgresql, sqlite
from secrets_vault.backup.archive import Lock, unpack
from secrets_vault.backup.tables import migrations_applied
from secrets_vault.errors import BackupRefused, WrongWrappingKey
from secrets_vault.models import Client, KeySlot, Session, StoredSecret, User

DAMAGED = "This backup is damaged inside: {}. Nothing was written."


@dataclass(frozen=True)
class Restored:
    """What a restore brought back, and what it found afterwards."""

    made_at: str
    rows: dict[str, int]
    opened: int
    unreadable: list[str]
    audit_ok: bool
    audit_events: int

    @property
    def ok(self) -> bool:
        """Tell whether every row opened and the book holds."""
        return self.audit_ok and not self.unreadable


def restore_backup(source: BinaryIO, *, lock: Lock, force: bool = False, actor: Actor = COMMAND) -> Restored:
    """Put a backup into this home, and check that every row opens and the book holds.

    Raises BackupRefused (wrong passphrase, not a backup, target not empty, Keylodge running, other engine)
    or WrongWrappingKey (the fingerprint needed is named) before anything is written.
    """
    home = Path(settings.KEYLODGE_HOME)
    manifest, parts = unpack(lock.open(source.read()))
    if manifest["engine"] != connection.vendor:
        raise BackupRefused(f"This backup is of {manifest['engine']}, and this is {connection.vendor}.")
    _require_its_key(home, _keys_inside(parts))
    with _alone_in(home):
        if not force:
            _require_empty()
        _write(manifest, parts)
        return _check_and_tell(manifest, actor=actor)


def _check_and_tell(manifest: dict[str, Any], *, actor: Actor) -> Restored:
    keys.forget()
    generation.count_up()
    rows, book = row_checks.check_rows(), audit.verify()
    with transaction.atomic(durable=True):
        Session.objects.all().delete()  # whoever was signed in then is not signed in now
        audit.record("backup.restored", actor=actor, label="Backup", details={"made_at": manifest["made_at"]})
    return Restored(
        made_at=manifest["made_at"],
        rows=manifest["rows"],
        opened=rows.opened,
        unreadable=rows.unreadable + rows.put_back,
        audit_ok=book.ok,
        audit_events=book.events,
    )


def _keys_inside(parts: dict[str, bytes]) -> tuple[UUID, list[KeySlot]]:
    """Return the installation id and the active key slots that the backup itself holds."""
    try:
        if connection.vendor == "postgresql":
            rows = _rows_of(parts["rows/secrets_vault_installation"]), _rows_of(parts["rows/secrets_vault_keyslot"])
        else:
            rows = _sqlite_rows(parts["default.sqlite3"])
        installations, slots = rows
        found = [_slot(row) for row in slots if row["state"] == KeySlot.State.ACTIVE]
        return UUID(str(installations[0]["id"])), found
    except (sqlite3.DatabaseError, LookupError, ValueError) as error:
        raise BackupRefused(DAMAGED.format("it has no keys")) from error


def _slot(row: dict[str, Any]) -> KeySlot:
    wrapped = row["wrapped_root_key"]
    if isinstance(wrapped, str):
        wrapped = bytes.fromhex(wrapped.removeprefix("\\\\x"))  # COPY escapes the backslash of a bytea
    return KeySlot(id=UUID(str(row["id"])), fingerprint=row["fingerprint"], wrapped_root_key=wrapped)


def _sqlite_rows(part: bytes) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    with sqlite.opened(part) as database:
        database.row_factory = sqlite3.Row
        installations = database.execute("SELECT id FROM secrets_vault_installation").fetchall()
        slots = database.execute("SELECT id, fingerprint, state, wrapped_root_key FROM secrets_vault_keyslot")
        return [dict(row) for row in installations], [dict(row) for row in slots]


def _rows_of(part: bytes) -> list[dict[str, Any]]:
    head, _, lines = part.partition(b"\n")
    columns = json.loads(head)
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines.decode().splitlines()]


def _require_its_key(home: Path, inside: tuple[UUID, list[KeySlot]]) -> None:
    installation_id, slots = inside
    key = wrapping_key.read(home)
    if key is None:
        needed = " or ".join(slot.fingerprint for slot in slots)
        raise WrongWrappingKey(
            f"There is no wrapping key here. This backup needs the one with the fingerprint {needed}: put it into "
            f"{wrapping_key.path_in(home)} or KEYLODGE_WRAPPING_KEY. Nothing was written."
        )
    keys.open_root_key(key, installation_id=installation_id, slots=slots)


def _require_empty() -> None:
    """Raise BackupRefused when somebody already uses this home. A database without tables is empty."""
    try:
        is_used = any(model.objects.exists() for model in (User, Client, StoredSecret))
    except DatabaseError:
        return
    if is_used:
        raise BackupRefused("There is already something here. Restore into an empty KEYLODGE_HOME, or use --force.")


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Hold KEYLODGE_HOME as a running Keylodge does, so that neither starts under the other."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "running.lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupRefused("Keylodge is running here. Stop it, then restore. Nothing was written.") from None
        yield


def _write(manifest: dict[str, Any], parts: dict[str, bytes]) -> None:
    if connection.vendor == "postgresql":
        _write_postgresql(manifest, parts)
    else:
        _write_sqlite(parts)


def _write_postgresql(manifest: dict[str, Any], parts: dict[str, bytes]) -> None:
    call_command("migrate", interactive=False, verbosity=0)
    if manifest["migrations"] != migrations_applied("default"):
        raise BackupRefused("This backup is of another version of Keylodge. Restore it with that one, then upgrade.")
    with transaction.atomic(durable=True):
        postgresql.copy_in(parts)


def _write_sqlite(parts: dict[str, bytes]) -> None:
    with sqlite.workroom() as room:
        for alias in settings.DATABASES:
            path = room / f"{alias}.sqlite3"
            sqlite.make_private(path)
            path.write_bytes(parts[f"{alias}.sqlite3"])
            sqlite.copy_in(alias, path)
    for alias in settings.DATABASES:
        call_command("migrate", database=alias, interactive=False, verbosity=0)
