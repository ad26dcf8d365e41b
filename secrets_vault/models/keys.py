"""The installation's keys, every one of them wrapped by the next one out."""

from __future__ import annotations

from django.db import models

from secrets_vault.ids import uuid7
from secrets_vault.models.clients import Client


class Installation(models.Model):
    """The one row that names this installation. Its id enters every ciphertext's associated data."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    singleton = models.BooleanField(default=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.id)


class KeySlot(models.Model):
    """The root key, wrapped by one wrapping key. Any one active slot opens it.

    Rows are kept for ever, so that a restored backup can say which key it needs.
    """

    class Kind(models.TextChoices):
        ENV = "env", "Environment or file"

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    fingerprint = models.CharField(max_length=32, unique=True)
    wrapped_root_key = models.BinaryField(null=True)
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint}"


class KeyTerm(models.Model):
    """One term of a keyring: 32 random bytes wrapped by the root key. No client means the agency's own."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        DECRYPT_ONLY = "decrypt_only", "Opens only"
        DESTROYED = "destroyed", "Destroyed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, null=True, on_delete=models.PROTECT, related_name="key_terms")
    wrapped_key = models.BinaryField(null=True)
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    messages = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client"], condition=models.Q(state="active"), name="one_active_term_per_client"
            ),
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state="active", client__isnull=True),
                name="one_active_term_for_the_agency",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"
