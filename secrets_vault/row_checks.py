"""Opens every sealed row once, to say which ones do not open. Values are dropped at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.db import transaction

from secrets_vault import keyring
from secrets_vault.errors import Unreadable
from secrets_vault.models import AuditEvent, KeyTerm, SecretField, StoredSecret
from secrets_vault.vault.fields import ciphertext_hash, open_field

Opening = tuple[str, Callable[[], object]]
SEALED_ELSEWHERE: list[Callable[[], Iterable[Opening]]] = []
"""What other floors seal under a client's keyring: they enter a function here that gives a name and an act for each."""

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
    """Open every keyring term, every field of every version and whatever else is sealed; compare with the book."""
    found = RowsFound()
    for term in KeyTerm.objects.exclude(state=KeyTerm.State.DESTROYED).values_list("pk", flat=True):
        _try(found, f"keyring {term}", partial(keyring.opening_key, term))
    rows = SecretField.objects.select_related("version__secret").order_by("version_id")
    for row in rows.iterator(chunk_size=1000):
        name = f"secret {row.version.secret_id} version {row.version.number} field {row.name}"
        _try(found, name, partial(open_field, row.version.secret, row.version, row))
    for openings in SEALED_ELSEWHERE:
        for name, act in openings():
            _try(found, name, act)
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
        if not _agrees(stored, hashes, current) and not _agrees_now(stored.pk):
            found.put_back.append(f"secret {stored.pk} version {stored.current.number}")


def _agrees(stored: StoredSecret, hashes: dict[tuple[str, int], str], current: dict[str, int]) -> bool:
    if stored.current is None:
        return True
    number, sealed = stored.current.number, list(stored.current.fields.all())
    expected = hashes.get((str(stored.pk), number), "")
    return current.get(str(stored.pk)) == number and expected == (ciphertext_hash(sealed) if sealed else "")


def _agrees_now(secret_id: UUID) -> bool:
    """Look again at one secret while nobody can write it: it may have been replaced since the book was read."""
    with transaction.atomic():
        stored = StoredSecret.objects.select_for_update().get(pk=secret_id)
        return _agrees(stored, *_what_the_book_says(str(secret_id)))


def _what_the_book_says(secret_id: str = "") -> tuple[dict[tuple[str, int], str], dict[str, int]]:
    """Return the ciphertext hash of each version, and the number of each secret's current version."""
    events = AuditEvent.objects.filter(object_kind="storedsecret", action__in=WRITES).order_by("seq")
    events = events.filter(object_id=secret_id) if secret_id else events
    hashes: dict[tuple[str, int], str] = {}
    current: dict[str, int] = {}
    rows = events.values_list("object_id", "details", "ciphertext_hash")
    for object_id, details, hash_ in rows.iterator(chunk_size=2000):
        if hash_:
            hashes[object_id, details["version"]] = hash_
        if details.get("state") == "current":
            current[object_id] = details["version"]
    return hashes, current
