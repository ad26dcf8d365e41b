"""Small states that all processes share, each behind a key. `ledger.py` is their door."""

from __future__ import annotations

from django.db import models


class SharedState(models.Model):
    """One state. Whoever knows its version may replace it; after `ends_at_ms` (since 1970) it reads as empty."""

    key = models.CharField(max_length=200, primary_key=True)
    version = models.BigIntegerField()
    state = models.BinaryField()
    ends_at_ms = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return self.key
