"""Inbound webhooks: where they arrive, what arrived, where it goes on to, and how each handing-on went.

Payloads, heads and the addresses of targets are ciphertext under the client's keyring; nothing of them stands here in
the clear, not even masked. `integrations/webhooks/opening.py` opens them, and masks what a person is shown.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from secrets_vault.access import VisibleManager, VisibleQuerySet
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, Environment, StoredSecret

MOST_BODY_BYTES = 25 * 1024 * 1024
OPEN_STATES = ("waiting", "sending")
"""Of a delivery that is still under way."""


class WebhookEndpoint(models.Model):
    """An address under /hooks/ that one vendor posts to. Its slug never changes.

    `secret` holds the vendor's signing secret; while it rolls, the version in grace counts too, until
    `previous_until`. The scheme "none" verifies nothing and needs `is_verified_required` to be off: a red finding.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120, blank=True)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="webhook_endpoints")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="webhook_endpoints")
    scheme_key = models.CharField(max_length=80)
    custom = models.JSONField(null=True, blank=True)
    secret = models.ForeignKey(
        StoredSecret, null=True, blank=True, on_delete=models.PROTECT, related_name="webhook_endpoints"
    )
    previous_until = models.DateTimeField(null=True, blank=True)
    is_verified_required = models.BooleanField(default=True)
    ip_ranges = models.JSONField(default=list)
    uses_published_ips = models.BooleanField(default=False)
    per_minute = models.PositiveIntegerField(null=True, blank=True)
    max_body_bytes = models.PositiveIntegerField(default=MOST_BODY_BYTES)
    pairing_until = models.DateTimeField(null=True, blank=True)
    is_ordered = models.BooleanField(default=False)
    is_forwarding_paused = models.BooleanField(default=False)
    disabled_at = models.DateTimeField(null=True, blank=True)
    retention_days = models.PositiveSmallIntegerField(null=True, blank=True)
    silent_after_s = models.PositiveIntegerField(null=True, blank=True)
    silence_told_at = models.DateTimeField(null=True, blank=True)
    refusals_told_at = models.DateTimeField(null=True, blank=True)
    last_event_at = models.DateTimeField(null=True, blank=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name or self.slug


class WebhookTarget(models.Model):
    """Where an endpoint's events are handed on to. The address is a capability at n8n and Make: it is sealed."""

    class Breaker(models.TextChoices):
        CLOSED = "closed", gettext_lazy("Working")
        OPEN = "open", gettext_lazy("Waiting for it to come back")
        TRYING = "trying", gettext_lazy("Trying again")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="targets")
    name = models.CharField(max_length=120, blank=True)
    url_sealed = models.BinaryField()
    url_masked = models.CharField(max_length=300)
    signing_secret = models.ForeignKey(
        StoredSecret, null=True, blank=True, on_delete=models.PROTECT, related_name="webhook_targets"
    )
    filter = models.JSONField(null=True, blank=True)
    is_paused = models.BooleanField(default=False)
    breaker_state = models.CharField(max_length=16, choices=Breaker, default=Breaker.CLOSED)
    breaker_until = models.DateTimeField(null=True, blank=True)
    failures_in_row = models.PositiveIntegerField(default=0)
    trouble_told_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("endpoint__client")

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.name or self.url_masked


class WithoutBlobs(VisibleManager):
    """Leaves the ciphertext where it is until it is asked for: a list of a hundred events must not read 2.5 GB."""

    def get_queryset(self) -> VisibleQuerySet:
        """Return a query that reads everything but the blobs."""
        rows: Any = super().get_queryset().defer("head_sealed", "body_sealed")
        return rows


class WebhookEvent(models.Model):
    """One request that arrived: accepted, or kept in quarantine until somebody looks.

    `event_key` and `replay_digest` are what make an event the same event; a refused one has neither. The blobs are
    NULL once the payload was forgotten (`forgotten_at`); the row then only remembers that the event was here.
    """

    class Verdict(models.TextChoices):
        ACCEPTED = "accepted", gettext_lazy("Accepted")
        QUARANTINED = "quarantined", gettext_lazy("In quarantine")
        RELEASED = "released", gettext_lazy("Released")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="events", db_index=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="webhook_events", db_index=False)
    received_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    event_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - NULL never equals another NULL
    replay_digest = models.BinaryField(max_length=32, null=True)
    event_type = models.CharField(max_length=120, blank=True)
    verdict = models.CharField(max_length=16, choices=Verdict, default=Verdict.ACCEPTED)
    reason = models.CharField(max_length=40, blank=True)
    why = models.TextField(blank=True)
    remote_ip = models.CharField(max_length=45, blank=True)
    method = models.CharField(max_length=16)
    secret_number = models.PositiveIntegerField(null=True)
    body_bytes = models.PositiveIntegerField(default=0)
    body_digest = models.BinaryField(max_length=32, null=True)
    duplicates = models.PositiveIntegerField(default=0)
    last_duplicate_at = models.DateTimeField(null=True)
    is_test = models.BooleanField(default=False)
    released_at = models.DateTimeField(null=True)
    forgotten_at = models.DateTimeField(null=True)
    head_sealed = models.BinaryField(null=True)
    body_sealed = models.BinaryField(null=True)

    objects = WithoutBlobs("client")

    class Meta:
        ordering = ["-id"]
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_key"], name="one_webhook_event_per_key"),
            models.UniqueConstraint(fields=["endpoint", "replay_digest"], name="one_webhook_event_per_digest"),
        ]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="webhook_event_endpoint"),
            models.Index(fields=["client", "-id"], name="webhook_event_client"),
            models.Index(
                fields=["endpoint", "received_at"], condition=Q(verdict="quarantined"), name="webhook_event_quarantined"
            ),
            models.Index(
                fields=["received_at"], condition=Q(forgotten_at__isnull=True), name="webhook_event_to_forget"
            ),
        ]

    def __str__(self) -> str:
        return self.event_type or str(self.id)


class WebhookReplay(models.Model):
    """Many deliveries that a person sent again at once. Those that still wait can be taken back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="replays")
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=160, blank=True)
    deliveries = models.PositiveIntegerField(default=0)
    stopped_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleManager("endpoint__client")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.deliveries} deliveries again"


class WebhookDelivery(models.Model):
    """One event on its way to one target. The row is the work; a message to the worker is only a doorbell.

    Sent again by a person, it keeps counting its tries, and its schedule begins anew: `again_at` and `attempts_before`
    say from when and from which try on, `state_before` what it goes back to when that is taken back.
    """

    class State(models.TextChoices):
        WAITING = "waiting", gettext_lazy("Waiting")
        SENDING = "sending", gettext_lazy("Being sent")
        DELIVERED = "delivered", gettext_lazy("Delivered")
        DEAD = "dead", gettext_lazy("Given up")
        SKIPPED = "skipped", gettext_lazy("Skipped")
        DISCARDED = "discarded", gettext_lazy("Discarded")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(WebhookEvent, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    target = models.ForeignKey(WebhookTarget, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=40, blank=True)
    delivered_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=60, blank=True)
    again_at = models.DateTimeField(null=True)
    attempts_before = models.PositiveIntegerField(default=0)
    state_before = models.CharField(max_length=16, blank=True)
    replay = models.ForeignKey(WebhookReplay, null=True, on_delete=models.SET_NULL, related_name="rows", db_index=False)

    objects = VisibleManager("endpoint__client")

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["event", "target"], name="one_webhook_delivery")]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state__in=OPEN_STATES), name="webhook_delivery_due"),
            models.Index(fields=["target", "id"], condition=Q(state__in=OPEN_STATES), name="webhook_delivery_open"),
            models.Index(fields=["target", "-id"], name="webhook_delivery_target"),
            models.Index(fields=["endpoint", "state", "-id"], name="webhook_delivery_endpoint"),
            models.Index(fields=["replay"], condition=Q(replay__isnull=False), name="webhook_delivery_replay"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} ({self.state})"


class WebhookAttempt(models.Model):
    """One try to hand an event on: what came back, masked."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=60, blank=True)
    ms = models.FloatField(default=0)
    response_head = models.TextField(blank=True)

    objects = VisibleManager("delivery__endpoint__client")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="one_webhook_try")]

    def __str__(self) -> str:
        return f"{self.number}: {self.status or self.error}"
