"""What opens /api/v1: write-only tokens, and what was answered to a request that may come twice."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy

from integrations.models.call import Source
from integrations.models.connection import Connection
from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, User

TOOLS = [(choice.value, choice.label) for choice in Source if choice != Source.GATEWAY]


class ApiToken(models.Model):
    """A token of one client for /api/v1. Only keyed hashes are stored: of its text, of the one before while it rolls,
    and for a minute of a text that was made for one test.

    The minute's count stands in the row, so that one conditional update takes a turn, whichever process asks.
    """

    class Scope(models.TextChoices):
        ERRORS_WRITE = "errors:write", gettext_lazy("report errors")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16)
    token_hash = models.BinaryField(max_length=32, unique=True)
    previous_hash = models.BinaryField(max_length=32, null=True, unique=True)
    previous_expires_at = models.DateTimeField(null=True, blank=True)
    test_hash = models.BinaryField(max_length=32, null=True, unique=True)
    test_expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list)
    tool = models.CharField(max_length=12, choices=TOOLS, blank=True)
    connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.SET_NULL, related_name="api_tokens"
    )
    per_minute = models.PositiveIntegerField(default=60)
    expires_at = models.DateTimeField(null=True, blank=True)
    minute_at = models.DateTimeField(null=True, blank=True)
    minute_count = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.CharField(max_length=45, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="api_token_name_per_client")]

    def __str__(self) -> str:
        return self.name


class ApiReceipt(models.Model):
    """The answer to a request that named an idempotency key: the same key gets it again, and nothing is done twice.

    It lies beside the call log, so that it is written in the transaction of what it answers for.
    """

    client_id = models.UUIDField()
    token_id = models.UUIDField()
    key_hash = models.BinaryField(max_length=32)
    body_hash = models.BinaryField(max_length=32)
    answer = models.JSONField()
    at = models.DateTimeField(db_index=True)

    objects = VisibleManager("client_id")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token_id", "key_hash"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
