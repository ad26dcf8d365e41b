"""Where a backup's passphrase comes from: KEYLODGE_BACKUP_PASSPHRASE, the person at the terminal, or the wrapping key.

A script that names nothing gets a backup that the wrapping key opens: what is inside needs that key anyway.
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from django.conf import settings

from secrets_vault import keys, wrapping_key
from secrets_vault.backup.archive import Lock, wrapping_key_of
from secrets_vault.envelope import fingerprint_of, subkey
from secrets_vault.errors import BadInput, WrongWrappingKey
from secrets_vault.secret import Secret


def lock_to_close(recipients: list[str]) -> Lock:
    """Return what encrypts a new backup; a passphrase typed by hand is asked for twice."""
    if recipients:
        return Lock(recipients=recipients)
    if settings.KEYLODGE_BACKUP_PASSPHRASE:
        return Lock(passphrase=Secret(settings.KEYLODGE_BACKUP_PASSPHRASE))
    if not sys.stdin.isatty():
        return _of_the_wrapping_key(keys.unlock().fingerprint)
    first = _ask("Passphrase for this backup: ")
    if first != _ask("The same again: "):
        raise BadInput("The two passphrases differ.")
    return Lock(passphrase=first)


def lock_to_open(identity: Path | None, *, beginning: bytes) -> Lock:
    """Return what opens a backup that begins so. Raises WrongWrappingKey, which names the key it needs."""
    if needed := wrapping_key_of(beginning):
        return _of_the_wrapping_key(needed)
    if identity is not None:
        lines = [line for line in identity.read_text().splitlines() if line and not line.startswith("#")]
        return Lock(identities=[Secret(line) for line in lines])
    if settings.KEYLODGE_BACKUP_PASSPHRASE:
        return Lock(passphrase=Secret(settings.KEYLODGE_BACKUP_PASSPHRASE))
    return Lock(passphrase=_ask("Passphrase of this backup: "))


def _of_the_wrapping_key(needed: str) -> Lock:
    home = Path(settings.KEYLODGE_HOME)
    key = wrapping_key.read(home)
    if key is None or fingerprint_of(key) != needed:
        here = "There is no wrapping key here" if key is None else f"This is the wrapping key {fingerprint_of(key)}"
        raise WrongWrappingKey(
            f"{here}. This backup needs the one with the fingerprint {needed}: put it into "
            f"{wrapping_key.path_in(home)} or KEYLODGE_WRAPPING_KEY. Nothing was written."
        )
    return Lock(passphrase=Secret(subkey(key, "backup").hex()), wrapping_key=needed)


def _ask(prompt: str) -> Secret:
    if not sys.stdin.isatty():
        raise BadInput("Nobody is here to type a passphrase: set KEYLODGE_BACKUP_PASSPHRASE, or name a key.")
    return Secret(getpass.getpass(prompt, stream=sys.stderr))
