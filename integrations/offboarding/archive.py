"""What a leaving client is given: its metadata, calls and audit events in one file. Masked; no value is opened."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.db import transaction

from integrations import export
from integrations.models import Offboarding
from integrations.offboarding.steps import record
from integrations.spreadsheet import csv_lines
from secrets_vault.actor import Actor
from secrets_vault.backup.archive import Lock
from secrets_vault.models import Client
from secrets_vault.secret import Secret

IN_MEMORY = 8 * 1024 * 1024
READ_ME = (
    "What Keylodge kept about {name}, as of {at} UTC.\n\n"
    "secrets.csv  what was stored, without any value\n"
    "calls.csv    every call that is still kept; credentials and personal data in it are masked\n"
    "audit.csv    who did what, and when\n"
)


def write(offboarding: Offboarding, *, passphrase: Secret | None, actor: Actor, now: datetime) -> IO[bytes]:
    """Return the archive from its beginning; with a passphrase, encrypted in the age format. The book is written first.

    Raises BadInput for a passphrase that is too short.
    """
    with transaction.atomic():
        Offboarding.objects.filter(pk=offboarding.pk).update(exported_at=now)
        record(offboarding, "offboarding.exported", actor=actor, encrypted=passphrase is not None)
    file: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the answer that streams it closes it
    _fill(file, offboarding.client, now=now)
    file.seek(0)
    if passphrase is None:
        return file
    closed: IO[bytes] = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the same
    closed.write(Lock(passphrase=passphrase).close(file.read()))
    closed.seek(0)
    return closed


def _fill(file: IO[bytes], client: Client, *, now: datetime) -> None:
    parts: list[tuple[str, Any, Iterable[Any]]] = [
        ("secrets.csv", export.SECRET_COLUMNS, export.secrets(client=client, since=None, today=now.date())),
        ("calls.csv", export.CALL_COLUMNS, export.calls(client=client, since=None)),
        ("audit.csv", export.AUDIT_COLUMNS, export.audit_events(client=client, since=None)),
    ]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", READ_ME.format(name=client.name, at=now.strftime("%Y-%m-%d %H:%M")))
        for name, columns, rows in parts:
            with archive.open(name, "w") as part:
                for line in csv_lines(columns, rows):
                    part.write(line.encode())
