"""Sealed columns that are no StoredSecret: an OAuth verifier, a session, a TOTP seed."""

from __future__ import annotations

from uuid import UUID

from secrets_vault import keyring, keys
from secrets_vault.envelope import Place, open_blob, seal
from secrets_vault.masking import lately
from secrets_vault.models import Client
from secrets_vault.secret import Secret

# Whole documents: no log line repeats one, and noting each would push the credentials out of the log's memory.
OF_A_HELD_CALL = ("head_sealed", "body_sealed", "edited_head", "edited_body", "answer_head", "answer_body")
DOCUMENTS = frozenset(
    {"session", "webhookevent.head_sealed", "webhookevent.body_sealed", "handover.sealed", "storedanswer.sealed"}
) | {f"heldcall.{column}" for column in OF_A_HELD_CALL}


def seal_text(text: str | bytes | Secret, *, field: str, row_id: UUID, client: Client | None = None) -> bytes:
    """Return the blob of a text for one column of one row, under the agency's keyring unless a client is given.

    `field` names table and column ("oauthflow.sealed_verifier"); the same three must be given to open it.
    """
    plain = text if isinstance(text, Secret) else Secret(text)
    _tell_the_log(plain, field)
    term, key = keyring.sealing_key(client.pk if client else None)
    return seal(plain.expose_bytes(), key=key, term=term, place=_place(field, row_id=row_id, client=client))


def open_text(blob: bytes | memoryview, *, field: str, row_id: UUID, client: Client | None = None) -> Secret:
    """Return what `seal_text` sealed. Raises Unreadable when it was changed, moved or sealed elsewhere."""
    place = _place(field, row_id=row_id, client=client)
    opened = Secret(open_blob(bytes(blob), key_of=keyring.opening_key, place=place))
    _tell_the_log(opened, field)
    return opened


def _tell_the_log(plain: Secret, field: str) -> None:
    """Let this process's log cover a value now in its hands."""
    if field not in DOCUMENTS:
        lately.note(plain.expose_bytes())


def _place(field: str, *, row_id: UUID, client: Client | None) -> Place:
    return Place(
        installation=keys.unlock().installation_id,
        client=client.pk if client else None,
        row=row_id,
        field=field,
        content_type="column",
    )
