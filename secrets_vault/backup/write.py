"""Makes a backup: the book is written first, then the databases are copied as of one moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import BinaryIO

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from secrets_vault import audit, keys
from secrets_vault.actor import COMMAND, Actor
from secrets_vault.backup import postgresql, sqlite
from secrets_vault.backup.archive import Lock, pack
from secrets_vault.backup.tables import count_rows, migrations_applied, models_in
from secrets_vault.models import AuditHead, KeySlot


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `key_fingerprints` are all wrapping keys this installation has had."""

    made_at: str
    engine: str
    installation: str
    needs_wrapping_key: list[str]
    key_fingerprints: list[str]
    audit_seq: int
    audit_head: str
    rows: dict[str, int] = field(default_factory=dict)
    migrations: dict[str, list[str]] = field(default_factory=dict)


def write_backup(out: BinaryIO, *, lock: Lock, actor: Actor = COMMAND, now: datetime | None = None) -> Manifest:
    """Write one encrypted file to `out` and return what it says of itself.

    Raises AuditUnavailable when the book cannot be written, and BadInput for a weak passphrase; then nothing
    is written to `out`. The archive is built in memory.
    """
    keys.unlock()
    lock.close(b"")  # a lock that cannot close is refused before anything is read
    with transaction.atomic(durable=True):
        audit.record("backup.made", actor=actor, label="Backup", now=now)
    manifest, parts = _read_all(now or timezone.now())
    out.write(lock.close(pack(asdict(manifest), parts)))
    return manifest


def _read_all(now: datetime) -> tuple[Manifest, dict[str, bytes]]:
    if connection.vendor == "postgresql":
        with transaction.atomic(durable=True):
            postgresql.one_moment("default")
            head = AuditHead.objects.get()
            rows = count_rows("default")
            return _manifest(now, (head.seq, bytes(head.hash)), rows), postgresql.snapshot("default")
    parts = {f"{alias}.sqlite3": sqlite.snapshot(alias) for alias in settings.DATABASES}
    rows = {}
    for alias in settings.DATABASES:
        rows |= sqlite.count_rows(parts[f"{alias}.sqlite3"], [model._meta.db_table for model in models_in(alias)])
    return _manifest(now, sqlite.audit_head(parts["default.sqlite3"]), rows), parts


def _manifest(now: datetime, head: tuple[int, bytes], rows: dict[str, int]) -> Manifest:
    slots = list(KeySlot.objects.all())
    return Manifest(
        made_at=now.isoformat(),
        engine=connection.vendor,
        installation=str(keys.unlock().installation_id),
        needs_wrapping_key=[slot.fingerprint for slot in slots if slot.state == KeySlot.State.ACTIVE],
        key_fingerprints=[slot.fingerprint for slot in slots],
        audit_seq=head[0],
        audit_head=head[1].hex(),
        rows=rows,
        migrations=migrations_applied("default"),
    )
