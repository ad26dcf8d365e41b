"""Finding values without opening anything: keyed fingerprints over the whole installation."""

from __future__ import annotations

from typing import Any

from secrets_vault import keys
from secrets_vault.models import SecretField, StoredSecret
from secrets_vault.secret import Secret

FINGERPRINT_BYTES = 16
SHORTEST_BYTES = 8  # "true" or "eu" in an .env file is not "the same secret" as another


def fingerprint(value: Secret) -> bytes:
    """Return the 16 bytes that are equal for equal values of this installation, and say nothing without its keys."""
    return keys.unlock().mac("fingerprint", value.expose_bytes())[:FINGERPRINT_BYTES]


def fingerprint_to_store(value: Secret, *, is_secret: bool) -> bytes | None:
    """Return a field's fingerprint, or None for a user name or a value too short to mean anything."""
    if not is_secret or len(value.expose_bytes()) < SHORTEST_BYTES:
        return None
    return fingerprint(value)


def same_value(stored: StoredSecret) -> Any:
    """Return the fields of other secrets, old versions too, that hold a value this secret holds now.

    A query: a page keeps what its reader may see with `.visible_to(user)`.
    """
    mine = SecretField.objects.filter(version=stored.current_id, fingerprint__isnull=False).values("fingerprint")
    rows = SecretField.objects.filter(fingerprint__in=mine).exclude(version__secret=stored)
    return rows.select_related("version__secret__client", "version__secret__environment")


def find_value(value: Secret) -> Any:
    """Return every field, of old versions too, that holds this value: where does a leaked key live?"""
    rows = SecretField.objects.filter(fingerprint=fingerprint(value))
    return rows.select_related("version__secret__client", "version__secret__environment")


def keyed_hash(label: str, value: bytes) -> bytes:
    """Return 32 bytes of HMAC-SHA-256 under the subkey named `label`, for tokens and cookies that are only compared."""
    return keys.unlock().mac(f"hash/{label}", value)
