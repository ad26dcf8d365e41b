"""What Keylodge has to say to people: mails, kept whether or not they could be sent."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from integrations.models.connection import Connection
from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, User


class Message(models.Model):
    """One mail to one person. `dedupe_key` says what it is about, so that nothing is said twice."""

    class State(models.TextChoices):
        QUEUED = "queued", gettext_lazy("Waiting to be sent")
        SENT = "sent", gettext_lazy("Sent")
        FAILED = "failed", gettext_lazy("Could not be sent")
        KEPT = "kept", gettext_lazy("Kept here, not sent")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dedupe_key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=40)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="mail")
    to = models.EmailField()
    client = models.ForeignKey(Client, null=True, on_delete=models.CASCADE, related_name="mail")
    subject = models.CharField(max_length=200)
    body = models.TextField()
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_index=True)
    lease_owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"]),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="message_unread"),
        ]

    def __str__(self) -> str:
        return self.subject


class AlertEpisode(models.Model):
    """A trouble of one connection from its first mail to its recovery."""

    class Kind(models.TextChoices):
        NEEDS_RECONNECTING = "needs_reconnecting", gettext_lazy("Needs reconnecting")
        FAILING = "failing", gettext_lazy("Calls fail")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="episodes")
    kind = models.CharField(max_length=24, choices=Kind)
    code = models.CharField(max_length=60, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleManager("connection__client")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "kind"], condition=models.Q(closed_at__isnull=True), name="one_open_episode"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} since {self.opened_at}"
