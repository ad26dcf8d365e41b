"""The one file: a tar of the parts with a manifest in front, encrypted in the age format.

age (age-encryption.org/v1) is an open format: `age -d` opens such a file without Keylodge. Inside, the
secrets are still sealed; the wrapping key is never part of it.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pyrage

from secrets_vault.errors import BackupRefused, BadInput
from secrets_vault.secret import Secret

MANIFEST = "manifest.json"
FORMAT = 1
SHORTEST_PASSPHRASE = 8
# The first line of a backup that nobody gave a passphrase for; what follows it is age again.
KEY_LINE = b"keylodge backup, opens with the wrapping key "


@dataclass(frozen=True)
class Lock:
    """What encrypts a backup: a passphrase, or age public keys (`age1…`). The passphrase or identities open it."""

    passphrase: Secret | None = None
    recipients: Sequence[str] = ()
    identities: Sequence[Secret] = ()
    wrapping_key: str = ""  # the fingerprint of the key that the passphrase was made from

    def close(self, plain: bytes) -> bytes:
        """Return the encrypted file."""
        if self.recipients:
            return bytes(pyrage.encrypt(plain, [_recipient(text) for text in self.recipients]))
        if self.passphrase is None or len(self.passphrase.expose()) < SHORTEST_PASSPHRASE:
            raise BadInput(f"A backup needs a passphrase of at least {SHORTEST_PASSPHRASE} characters.")
        closed = bytes(pyrage.passphrase.encrypt(plain, self.passphrase.expose()))
        return KEY_LINE + self.wrapping_key.encode() + b"\n" + closed if self.wrapping_key else closed

    def open(self, closed: bytes) -> bytes:
        """Return the tar. Raises BackupRefused when this lock does not open it, or it is no backup."""
        if closed.startswith(KEY_LINE):
            closed = closed.partition(b"\n")[2]
        try:
            if self.identities:
                return bytes(pyrage.decrypt(closed, [_identity(text) for text in self.identities]))
            return bytes(pyrage.passphrase.decrypt(closed, self.passphrase.expose() if self.passphrase else ""))
        except pyrage.DecryptError as error:
            raise BackupRefused(
                "This file does not open: the passphrase or key is another one, or the file is damaged or no backup. "
                "Nothing was written."
            ) from error


def wrapping_key_of(beginning: bytes) -> str:
    """Return the fingerprint of the wrapping key that opens a backup, or "" for one with a passphrase or age key."""
    first = beginning.partition(b"\n")[0]
    return first.removeprefix(KEY_LINE).decode("ascii", "replace") if first.startswith(KEY_LINE) else ""


def _recipient(text: str) -> Any:
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise BadInput(f"{text!r} is not an age public key. It begins with age1.") from None


def _identity(text: Secret) -> Any:
    try:
        return pyrage.x25519.Identity.from_str(text.expose().strip())
    except pyrage.IdentityError:
        raise BadInput("This is not an age identity. It begins with AGE-SECRET-KEY-1.") from None


def pack(manifest: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
    """Return the tar of the manifest and the parts; the manifest carries the hash of each part."""
    hashes = {name: sha256(part).hexdigest() for name, part in parts.items()}
    head = json.dumps({**manifest, "format": FORMAT, "sha256": hashes}, indent=1).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as tar:
        for name, part in {MANIFEST: head, **parts}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(part), 0o600
            tar.addfile(entry, io.BytesIO(part))
    return out.getvalue()


def unpack(plain: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the manifest and the parts, in memory: no name from the file becomes a path. Raises BackupRefused."""
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:gz") as tar:
            parts = {entry.name: _read(tar, entry) for entry in tar if entry.isfile()}
        manifest = json.loads(parts.pop(MANIFEST))
        is_ours = manifest["format"] == FORMAT
        is_whole = manifest["sha256"] == {name: sha256(part).hexdigest() for name, part in parts.items()}
    except (tarfile.TarError, OSError, EOFError, KeyError, TypeError, ValueError) as error:
        raise BackupRefused("This file is no backup of Keylodge, or it is damaged. Nothing was written.") from error
    if not is_ours:
        raise BackupRefused("This backup was made by a later version of Keylodge. Restore it with that version.")
    if not is_whole:
        raise BackupRefused("This backup is not whole: a part is missing or changed. Nothing was written.")
    return manifest, parts


def _read(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    part = tar.extractfile(entry)
    return part.read() if part else b""
