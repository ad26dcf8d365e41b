"""Good answers that callers asked to be kept, for when the provider does not answer."""

from __future__ import annotations

from django.db import models

from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7


class StoredAnswer(models.Model):
    """The last good answer to one request of one gateway token, as ciphertext under the client's keyring.

    `key_hash` is a keyed hash of everything that the answer depends on: what is asked for is not readable here. It
    stands in the call log's database and has no foreign keys; `gateway/stale/keeping.py` forgets what is over.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key_hash = models.BinaryField(max_length=32, unique=True)
    client_id = models.UUIDField()
    connection_id = models.UUIDField()
    token_id = models.UUIDField()
    sealed = models.BinaryField()
    stored_at = models.DateTimeField()
    used_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    objects = VisibleManager("client_id")

    class Meta:
        indexes = [models.Index(fields=["connection_id", "-used_at"], name="stored_answer_used")]

    def __str__(self) -> str:
        return f"answer of {self.stored_at}"
