"""Calls that wait: kept encrypted when they failed, and made again later, in their order, for each connection.

What a caller sent, what it was answered and where it wants to hear of it are ciphertext under the client's keyring.
In the clear stand the method, the host, a masked path and how it went.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from integrations.models.connection import Connection
from integrations.models.token import GatewayToken
from secrets_vault.access import VisibleManager, VisibleQuerySet
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, Environment, User

ON_THE_WAY = ("waiting", "sending")
OPEN_STATES = (*ON_THE_WAY, "needs_decision", "failed")
"""Of a call that is not over: it goes by itself, or waits for a person."""


class HeldLane(models.Model):
    """The calls of one connection that wait, one behind the other. No row means: running, and nothing is known.

    `next_at` is when the next one may go and `waits_for` the code of what it waits for. The lease is of the worker
    that sends them.
    """

    connection = models.OneToOneField(Connection, primary_key=True, on_delete=models.CASCADE, related_name="held_lane")
    paused_at = models.DateTimeField(null=True)
    paused_by = models.CharField(max_length=160, blank=True)
    paused_why = models.CharField(max_length=40, blank=True)
    next_at = models.DateTimeField(null=True)
    waits_for = models.CharField(max_length=60, blank=True)
    failures_in_row = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True)

    objects = VisibleManager("connection__client")

    def __str__(self) -> str:
        return f"lane of {self.connection_id}"


class HeldRun(models.Model):
    """Many calls that a person sent again at once. The first that ends otherwise than hoped stops the others."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField()
    calls = models.PositiveIntegerField(default=0)
    stopped_at = models.DateTimeField(null=True)
    stopped_why = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.calls} calls again"


class WithoutBlobs(VisibleManager):
    """Leaves the ciphertext where it is until it is asked for: a list of fifty calls must not read 250 MB."""

    def get_queryset(self) -> VisibleQuerySet:
        """Return a query that reads everything but the blobs."""
        rows: Any = super().get_queryset().defer(*HeldCall.BLOBS)
        return rows


class HeldCall(models.Model):
    """One call that waits, or waited. Its id is the request id that its caller was given, and its place in the order.

    Each approval, first the caller's and later a person's, sends it once: the state SENDING is on disk before the
    first byte leaves. One whose sender died in it goes again if `is_repeatable`, else asks for a decision.
    """

    class State(models.TextChoices):
        WAITING = "waiting", gettext_lazy("Waiting")
        SENDING = "sending", gettext_lazy("Being sent")
        NEEDS_DECISION = "needs_decision", gettext_lazy("Needs a decision")
        FAILED = "failed", gettext_lazy("Refused")
        SENT = "sent", gettext_lazy("Sent")
        DISCARDED = "discarded", gettext_lazy("Discarded")

    BLOBS = ("head_sealed", "body_sealed", "edited_head", "edited_body", "answer_head", "answer_body")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="held_calls", db_index=False)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="held_calls", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="held_calls", db_index=False)
    token = models.ForeignKey(GatewayToken, on_delete=models.CASCADE, related_name="held_calls")
    token_name = models.CharField(max_length=120)
    held_at = models.DateTimeField()
    method = models.CharField(max_length=16)
    host = models.CharField(max_length=255, blank=True)
    path = models.TextField()
    body_bytes = models.PositiveIntegerField(default=0)
    size = models.PositiveIntegerField(default=0)
    caller_ip = models.CharField(max_length=45, blank=True)
    is_counted = models.BooleanField(default=True)
    key_digest = models.BinaryField(max_length=32, null=True)
    signer = models.BinaryField(max_length=32, null=True)  # whose JWT opened the token: a keyed hash

    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    code = models.CharField(max_length=60, blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True)
    is_repeatable = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    state_before = models.CharField(max_length=16, blank=True)
    run = models.ForeignKey(HeldRun, null=True, on_delete=models.SET_NULL, related_name="rows", db_index=False)
    is_edited = models.BooleanField(default=False)
    decided_by = models.CharField(max_length=160, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    timeline = models.JSONField(default=list)
    forgotten_at = models.DateTimeField(null=True)

    callback_sealed = models.BinaryField(null=True)
    callback_at = models.DateTimeField(null=True)
    callback_tries = models.PositiveSmallIntegerField(default=0)
    callback_status = models.CharField(max_length=60, blank=True)

    head_sealed = models.BinaryField(null=True)
    body_sealed = models.BinaryField(null=True)
    edited_head = models.BinaryField(null=True)
    edited_body = models.BinaryField(null=True)
    answer_head = models.BinaryField(null=True)
    answer_body = models.BinaryField(null=True)

    objects = WithoutBlobs("client")

    class Meta:
        ordering = ["-id"]
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=["token", "key_digest"], name="one_held_call_per_key"),
        ]
        indexes = [
            models.Index(fields=["connection", "id"], condition=Q(state__in=ON_THE_WAY), name="held_call_lane"),
            models.Index(
                fields=["connection", "size", "held_at"], condition=Q(state__in=OPEN_STATES), name="held_call_open"
            ),
            models.Index(fields=["client", "-id"], name="held_call_client"),
            models.Index(fields=["state", "-id"], name="held_call_state"),
            models.Index(fields=["ended_at"], condition=Q(forgotten_at__isnull=True), name="held_call_to_forget"),
            models.Index(fields=["callback_at"], condition=Q(callback_at__isnull=False), name="held_call_callback"),
            models.Index(fields=["run"], condition=Q(run__isnull=False), name="held_call_run"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.state})"
