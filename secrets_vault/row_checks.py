"""Opens every sealed row once, to say which ones do not open. Values are dropped at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from secrets_vault import keyring
from secrets_vault.errors import Unreadable
from secrets_vault.models import AuditEvent, KeyTerm, SecretField, StoredSecret
from secrets_vault.vault.fields import ciphertext_hash, open_field

WRITES = ("secret.stored", "secret.replaced", "secret.restored", "secret.promoted")


@dataclass
class RowsFound:
    """How many rows opened, and the ids of what did not open or is not what the book says."""

    opened: int = 0
    unreadable: list[str] = field(default_factory=list)
    put_back: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Tell whether everything opened and agrees with the book."""
        return not self.unreadable and not self.put_back


def check_rows() -> RowsFound:
    """Open every keyring term and every field of every version, and compare current versions with the book."""
    found = RowsFound()
    for term in KeyTerm.objects.exclude(state=KeyTerm.State.DESTROYED).values_list("pk", flat=True):
        _try(found, f"keyring {term}", partial(keyring.opening_key, term))
    rows = SecretField.objects.select_related("version__secret").order_by("version_id")
    for row in rows.iterator(chunk_size=1000):
        name = f"secret {row.version.secret_id} version {row.version.number} field {row.name}"
        _try(found, name, partial(open_field, row.version.secret, row.version, row))
    _compare_with_the_book(found)
    return found


def _try(found: RowsFound, name: str, act: Callable[[], object]) -> None:
    try:
        act()
        found.opened += 1
    except Unreadable:
        found.unreadable.append(name)


def _compare_with_the_book(found: RowsFound) -> None:
    """Note each secret whose current version, or its ciphertext, is not the one that the book says."""
    hashes, current = _what_the_book_says()
    rows = StoredSecret.objects.filter(current__isnull=False).select_related("current")
    for stored in rows.prefetch_related("current__fields").iterator(chunk_size=500):
        number, sealed = stored.current.number, list(stored.current.fields.all())
        expected = hashes.get((str(stored.pk), number), "")
        if current.get(str(stored.pk)) != number or expected != (ciphertext_hash(sealed) if sealed else ""):
            found.put_back.append(f"secret {stored.pk} version {number}")


def _what_the_book_says() -> tuple[dict[tuple[str, int], str], dict[str, int]]:
    """Return the ciphertext hash of each version, and the number of each secret's current version."""
    events = AuditEvent.objects.filter(object_kind="storedsecret", action__in=WRITES).order_by("seq")
    hashes, current = {}, {}
    rows = events.values_list("object_id", "details", "ciphertext_hash")
    for object_id, details, hash_ in rows.iterator(chunk_size=2000):
        if hash_:
            hashes[object_id, details["version"]] = hash_
        if details.get("state") == "current":
            current[object_id] = details["version"]
    return hashes, current
