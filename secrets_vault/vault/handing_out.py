"""Handing values out of the house: read once for a link, and sealed so that only its holder reads them.

Two layers: the inner one under a key that is made from the link's own token, which is stored nowhere; the outer one
under the client's keyring. Database and wrapping key together open nothing without the link, and a client whose
keyring is destroyed has no readable link left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from secrets_vault import audit, keys
from secrets_vault.actor import Actor
from secrets_vault.envelope import NOBODY, Place, open_blob, seal, subkey
from secrets_vault.errors import NoValue
from secrets_vault.masking import lately
from secrets_vault.models import Client, SecretField, StoredSecret
from secrets_vault.secret import Secret
from secrets_vault.vault.columns import open_text, seal_text
from secrets_vault.vault.fields import open_field

LAYER = "handover.sealed"


def hand_out(stored: StoredSecret, fields: Iterable[str], *, actor: Actor) -> dict[str, Secret]:
    """Return values of the current version that leave the house by a one-time link. The book is written first.

    Raises NoValue, Unreadable or AuditUnavailable.
    """
    version = None if stored.deleted_at is not None else stored.current
    wanted = list(fields)
    rows = {row.name: row for row in SecretField.objects.filter(version=version, name__in=wanted)} if version else {}
    if version is None or not wanted or rows.keys() != set(wanted):
        raise NoValue(_("This secret has no such value to hand out."))
    with transaction.atomic(durable=True):
        details = {"fields": wanted, "version": version.number}
        audit.record("secret.handed_out", actor=actor, client=stored.client_id, subject=stored, details=details)
    return {name: open_field(stored, version, rows[name]) for name in wanted}


def seal_for_link(values: Mapping[str, Secret], *, token: str, row_id: UUID, client: Client | None) -> bytes:
    """Return what stands in the database for the values behind one link."""
    plain = json.dumps({name: value.expose() for name, value in values.items()}).encode()
    inner = seal(plain, key=_key_of(token), term=NOBODY, place=_place(row_id))
    return seal_text(inner, field=LAYER, row_id=row_id, client=client)


def open_for_link(blob: bytes | memoryview, *, token: str, row_id: UUID, client: Client | None) -> dict[str, Secret]:
    """Return the values by name. Raises Unreadable without the right token, or when the keyring was destroyed."""
    inner = open_text(blob, field=LAYER, row_id=row_id, client=client).expose_bytes()
    key = _key_of(token)
    opened = json.loads(bytes(open_blob(inner, key_of=lambda _term: key, place=_place(row_id))))
    for value in opened.values():
        lately.note(value.encode())
    return {name: Secret(value) for name, value in opened.items()}


def outer_layer(blob: bytes | memoryview, *, row_id: UUID, client: Client | None) -> None:
    """Raise Unreadable unless the client's keyring opens the outer layer: all that can be checked without the link."""
    open_text(blob, field=LAYER, row_id=row_id, client=client)


def _key_of(token: str) -> bytes:
    return subkey(sha256(token.encode()).digest(), LAYER)


def _place(row_id: UUID) -> Place:
    return Place(installation=keys.unlock().installation_id, row=row_id, field=LAYER, content_type="link")
