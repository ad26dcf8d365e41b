"""The root key: made at the first start, stored only wrapped, opened once per process.

From the outside in: the wrapping key (outside the database) opens the root key; the root key gives a
labelled subkey for each purpose and opens the keyrings (`keyring.py`), whose terms seal the messages.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction

from secrets_vault import wrapping_key
from secrets_vault.envelope import KEY_BYTES, NOBODY, Place, fingerprint_of, open_blob, seal, subkey
from secrets_vault.errors import Unreadable, VaultLocked, WrongWrappingKey
from secrets_vault.ids import uuid7
from secrets_vault.models import Installation, KeySlot


@dataclass(frozen=True)
class Unlocked:
    """The open vault of this process. Its text form shows no key."""

    installation_id: UUID
    fingerprint: str
    root_key: bytes = field(repr=False)
    _subkeys: dict[str, bytes] = field(default_factory=dict, repr=False)

    def subkey(self, label: str) -> bytes:
        """Return the subkey of one purpose."""
        found = self._subkeys.get(label)
        if found is None:
            found = self._subkeys[label] = subkey(self.root_key, label)
        return found

    def mac(self, label: str, message: bytes) -> bytes:
        """Return HMAC-SHA-256 of a message under the subkey of one purpose."""
        return hmac.digest(self.subkey(label), message, sha256)


_unlocked: Unlocked | None = None
_guard = threading.Lock()
_on_forget: list[Callable[[], None]] = []


def initialise(home: Path | None = None) -> Unlocked:
    """Make the wrapping key, the installation and the root key on the first start; unlock on every later one.

    A database that has an installation is never given a new key: a missing or wrong one raises
    WrongWrappingKey, which names the fingerprint needed, and nothing is written.
    """
    home = Path(home or settings.KEYLODGE_HOME)
    if Installation.objects.exists():
        return unlock(home)
    if KeySlot.objects.exists():
        raise WrongWrappingKey("This database has keys but no installation row: it is damaged. Restore a backup.")
    key = wrapping_key.read(home) or wrapping_key.make(home)
    try:
        with transaction.atomic():
            _make_root_key(key)
    except IntegrityError:
        if not Installation.objects.exists():
            raise
        # Another process was first; its root key is under the same wrapping key, or this start fails.
    return unlock(home)


def _make_root_key(key: bytes) -> None:
    """Write the installation and its root key, and begin the book."""
    from secrets_vault import audit

    installation = Installation.objects.create()
    root_key = os.urandom(KEY_BYTES)
    slot_id = uuid7()
    KeySlot.objects.create(
        id=slot_id,
        kind=KeySlot.Kind.ENV,
        fingerprint=fingerprint_of(key),
        wrapped_root_key=seal(root_key, key=key, term=NOBODY, place=_root_place(installation.pk, slot_id)),
    )
    audit.begin(Unlocked(installation.pk, fingerprint_of(key), root_key))


def _root_place(installation_id: UUID, slot_id: UUID) -> Place:
    return Place(installation=installation_id, row=slot_id, field="root_key", content_type="key")


def unlock(home: Path | None = None) -> Unlocked:
    """Return this process's open vault, opening it with the wrapping key at the first call.

    Raises VaultLocked before `initialise()`, and WrongWrappingKey with the fingerprint that is needed.
    """
    global _unlocked
    if _unlocked is not None:
        return _unlocked
    with _guard:
        if _unlocked is None:
            _unlocked = _open(Path(home or settings.KEYLODGE_HOME))
    return _unlocked


def _open(home: Path) -> Unlocked:
    installation = Installation.objects.first()
    if installation is None:
        raise VaultLocked("The vault has no keys yet. Start Keylodge once with `make run`, which makes them.")
    slots = list(KeySlot.objects.filter(state=KeySlot.State.ACTIVE))
    needed = " or ".join(slot.fingerprint for slot in slots)
    try:
        key = wrapping_key.read(home)
    except WrongWrappingKey as error:
        raise WrongWrappingKey(f"{error} This database needs the wrapping key {needed}.") from None
    if key is None:
        raise WrongWrappingKey(
            f"The wrapping key is missing. This database needs the one with the fingerprint {needed}: put it "
            f"into {wrapping_key.path_in(home)} or KEYLODGE_WRAPPING_KEY. No new key was made."
        )
    return open_root_key(key, installation_id=installation.pk, slots=slots)


def open_root_key(key: bytes, *, installation_id: UUID, slots: list[KeySlot]) -> Unlocked:
    """Return the vault that a wrapping key opens, or raise WrongWrappingKey naming the key needed."""
    fingerprint = fingerprint_of(key)
    slot = next((slot for slot in slots if slot.fingerprint == fingerprint), None)
    if slot is None or slot.wrapped_root_key is None:
        needed = " or ".join(slot.fingerprint for slot in slots)
        raise WrongWrappingKey(
            f"This is the wrapping key {fingerprint}, and this database needs {needed}. Nothing was changed."
        )
    try:
        root_key = open_blob(
            bytes(slot.wrapped_root_key), key_of=lambda _: key, place=_root_place(installation_id, slot.pk)
        )
    except Unreadable as error:
        raise WrongWrappingKey(f"The root key under {fingerprint} is damaged. Restore a backup.") from error
    return Unlocked(installation_id, fingerprint, bytes(root_key))


def is_unlocked() -> bool:
    """Tell whether this process can open the vault, for `/readyz` and `doctor`; never raises."""
    try:
        unlock()
    except (VaultLocked, WrongWrappingKey, DatabaseError):
        return False
    return True


def forget() -> None:
    """Drop every key this process holds: after a restore, and between tests."""
    global _unlocked
    with _guard:
        _unlocked = None
    for drop in _on_forget:
        drop()


def on_forget(drop: Callable[[], None]) -> None:
    """Have `drop` called when the keys are forgotten."""
    _on_forget.append(drop)
