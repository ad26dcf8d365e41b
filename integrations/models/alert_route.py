"""Where alerts go beside people: routes, what goes by each, and when people and routes want to be left alone."""

from __future__ import annotations

from datetime import time

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from integrations.models.connection import Connection
from integrations.models.token import GatewayToken
from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, User

DIGEST_AT = time(8)


class AlertHours(models.Model):
    """When a person is not to be mailed, and when the daily summary comes. Times are those of the person's zone."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="alert_hours")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    lets_urgent_pass = models.BooleanField(default=True)
    wants_still = models.BooleanField(default=True)
    digest_at = models.TimeField(default=DIGEST_AT)

    def __str__(self) -> str:
        return f"hours of {self.user_id}"


class AlertRoute(models.Model):
    """One place that hears of troubles: of one client, or (no client) of every client of the agency.

    The address of a webhook is what opens it, so it is sealed, under the agency's keyring. A sink is a route that
    writes a row through one of our own connections; `place` says into which sheet or table.
    """

    class Channel(models.TextChoices):
        MAIL = "mail", gettext_lazy("E-mail")
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Microsoft Teams"
        DISCORD = "discord", "Discord"
        SIGNED = "signed", gettext_lazy("Signed webhook")
        SHEETS = "sheets", "Google Sheets"
        AIRTABLE = "airtable", "Airtable"
        APPRISE = "apprise", gettext_lazy("Another service (Apprise)")

    class Severity(models.TextChoices):
        INFO = "info", gettext_lazy("Everything, also good news")
        WARNING = "warning", gettext_lazy("Warnings and urgent troubles")
        URGENT = "urgent", gettext_lazy("Urgent troubles only")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_routes")
    name = models.CharField(max_length=120)
    channel = models.CharField(max_length=16, choices=Channel)
    address_sealed = models.BinaryField(default=b"")
    address_masked = models.CharField(max_length=300, blank=True)
    signing_sealed = models.BinaryField(default=b"")
    connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_routes"
    )
    place = models.JSONField(default=dict)
    kinds = models.JSONField(default=list)
    least = models.CharField(max_length=16, choices=Severity, default=Severity.WARNING)
    language = models.CharField(max_length=8, default="en")
    time_zone = models.CharField(max_length=64, default="UTC")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    lets_urgent_pass = models.BooleanField(default=True)
    wants_still = models.BooleanField(default=True)
    digest_at = models.TimeField(default=DIGEST_AT)
    is_paused = models.BooleanField(default=False)
    failures_in_row = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    trouble_told_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=60, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = VisibleManager("client")

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class AlertDelivery(models.Model):
    """One alert on its way by one route. The row is the work: its id goes along, so that a receiver knows it again."""

    class State(models.TextChoices):
        WAITING = "waiting", gettext_lazy("Waiting to be sent")
        HELD = "held", gettext_lazy("Waiting for a summary")
        SENT = "sent", gettext_lazy("Sent")
        SUMMED = "summed", gettext_lazy("Sent in a summary")
        FAILED = "failed", gettext_lazy("Given up")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    route = models.ForeignKey(AlertRoute, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    client = models.ForeignKey(Client, null=True, on_delete=models.CASCADE, related_name="alert_deliveries")
    dedupe_key = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    severity = models.CharField(max_length=16)
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=300, blank=True)
    facts = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=60, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleManager("route__client")

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["route", "dedupe_key"], name="one_alert_by_a_route")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state__in=["waiting", "held"]), name="alert_delivery_due"),
            models.Index(fields=["route", "-id"], name="alert_delivery_route"),
        ]

    def __str__(self) -> str:
        return self.subject


class CallWatch(models.Model):
    """Whether the calls of a connection, or with a gateway token, are compared with what is usual there.

    `look_at` is when a silence of the connection that began with its last known call would be unusual.
    """

    connection = models.OneToOneField(Connection, null=True, on_delete=models.CASCADE, related_name="watch")
    token = models.OneToOneField(GatewayToken, null=True, on_delete=models.CASCADE, related_name="watch")
    is_on = models.BooleanField(default=True)
    limit = models.PositiveIntegerField(null=True, blank=True)
    look_at = models.DateTimeField(null=True, blank=True, db_index=True)
    last_hour = models.DateTimeField(null=True, blank=True)
    usual_per_hour = models.FloatField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(connection__isnull=False, token__isnull=True)
                | Q(connection__isnull=True, token__isnull=False),
                name="a_watch_is_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"watch of {self.connection_id or self.token_id}"
