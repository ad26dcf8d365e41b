"""What Keylodge has to say to people: mails, kept whether or not they could be sent."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from integrations.models.connection import Connection
from integrations.models.token import GatewayToken
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
        HELD = "held", gettext_lazy("Waiting for the end of your quiet hours")
        SUMMED = "summed", gettext_lazy("Sent in a summary")

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
    """A trouble from the first that is heard of it until it is over. `about` says of what: "connection:<id>".

    One that comes and goes becomes `is_unstable`: it stays open, and `up_since` says since when it has been quiet.
    While it is snoozed nobody hears of it; `told_at` is empty until somebody has.
    """

    class Kind(models.TextChoices):
        NEEDS_RECONNECTING = "needs_reconnecting", gettext_lazy("Needs reconnecting")
        FAILING = "failing", gettext_lazy("Calls fail")
        ABSENCE = "absence", gettext_lazy("No calls")
        BURST = "burst", gettext_lazy("Far more calls than usual")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=40)
    about = models.CharField(max_length=80)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="episodes")
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="episodes")
    token = models.ForeignKey(GatewayToken, null=True, on_delete=models.CASCADE, related_name="episodes")
    code = models.CharField(max_length=60, blank=True)
    facts = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    is_unstable = models.BooleanField(default=False)
    turned_at = models.DateTimeField(null=True, blank=True)
    up_since = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    snoozed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = VisibleManager("client")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "about"], condition=models.Q(closed_at__isnull=True), name="one_open_trouble"
            )
        ]
        indexes = [
            models.Index(fields=["about", "kind", "-opened_at"], name="episode_about"),
            models.Index(fields=["opened_at"], condition=Q(closed_at__isnull=True), name="episode_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} since {self.opened_at}"

    @property
    def subject(self) -> str:
        """Return what it is about, as a list names it."""
        return str(self.connection or self.token or self.facts.get("name") or self.client)
