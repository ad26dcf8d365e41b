"""Where a command gets the passphrase from: KEYLODGE_BACKUP_PASSPHRASE, or the person at the terminal."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from django.conf import settings

from secrets_vault.backup.archive import Lock
from secrets_vault.errors import BadInput
from secrets_vault.secret import Secret


def lock_to_close(recipients: list[str]) -> Lock:
    """Return what encrypts a new backup; a passphrase typed by hand is asked for twice."""
    if recipients:
        return Lock(recipients=recipients)
    if settings.KEYLODGE_BACKUP_PASSPHRASE:
        return Lock(passphrase=Secret(settings.KEYLODGE_BACKUP_PASSPHRASE))
    first = _ask("Passphrase for this backup: ")
    if first != _ask("The same again: "):
        raise BadInput("The two passphrases differ.")
    return Lock(passphrase=first)


def lock_to_open(identity: Path | None) -> Lock:
    """Return what opens a backup."""
    if identity is not None:
        lines = [line for line in identity.read_text().splitlines() if line and not line.startswith("#")]
        return Lock(identities=[Secret(line) for line in lines])
    if settings.KEYLODGE_BACKUP_PASSPHRASE:
        return Lock(passphrase=Secret(settings.KEYLODGE_BACKUP_PASSPHRASE))
    return Lock(passphrase=_ask("Passphrase of this backup: "))


def _ask(prompt: str) -> Secret:
    if not sys.stdin.isatty():
        raise BadInput("Nobody is here to type a passphrase: set KEYLODGE_BACKUP_PASSPHRASE, or name a key.")
    return Secret(getpass.getpass(prompt, stream=sys.stderr))
