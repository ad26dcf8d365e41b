"""The call log: what happened, masked. No foreign keys; a file of its own on SQLite.

Ids are UUIDv7, so they sort by time: lists read by keyset on `id`, and on PostgreSQL the table
is partitioned by day on the same column. Only text that went through the masker comes here.
"""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client

NO_TOKEN = UUID(int=0)


class Outcome(models.TextChoices):
    """How a call ended, for colours and filters."""

    OK = "ok", gettext_lazy("OK")
    RECOVERED = "recovered", gettext_lazy("OK after retries")
    CLIENT_ERROR = "client_error", gettext_lazy("Request refused")
    AUTH = "auth", gettext_lazy("Credential refused")
    LIMITED = "limited", gettext_lazy("Limit reached")
    UPSTREAM_ERROR = "upstream_error", gettext_lazy("Provider failed")
    UNREACHABLE = "unreachable", gettext_lazy("No connection")
    TIMEOUT = "timeout", gettext_lazy("Timed out")
    REFUSED = "refused", gettext_lazy("Refused by Keylodge")
    CANCELLED = "cancelled", gettext_lazy("Caller went away")


class Source(models.TextChoices):
    """Who saw a call: this gateway, or a tool that reported an error of its own. The latter is no traffic of ours."""

    GATEWAY = "gateway", gettext_lazy("Seen by the gateway")
    MAKE = "make", "Make"
    ZAPIER = "zapier", "Zapier"
    N8N = "n8n", "n8n"
    SCRIPT = "script", gettext_lazy("A script")
    OTHER = "other", gettext_lazy("Another tool")


FAILED_OUTCOMES = tuple(o.value for o in Outcome if o not in (Outcome.OK, Outcome.RECOVERED, Outcome.CANCELLED))


class Call(models.Model):
    """One call through the gateway. `id` is also its request id.

    `jwt_issuer` and `jwt_subject` say whose JWT opened the gateway token, where one did; `agent` is the program that
    the caller named itself (User-Agent), masked; `upstream_ref` what the provider calls the call (its request id).
    Of an error that a tool reported, `source` is the tool, and `reported` says where there it happened; such a row
    never counts as traffic.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    client_id = models.UUIDField()
    environment_id = models.UUIDField(null=True)
    connection_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    token_name = models.CharField(max_length=120, blank=True)
    provider_key = models.CharField(max_length=80, blank=True)
    method = models.CharField(max_length=16)
    host = models.CharField(max_length=255, blank=True)
    path = models.TextField()
    status = models.PositiveSmallIntegerField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome)
    code = models.CharField(max_length=60, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    total_ms = models.FloatField(default=0)
    upstream_ms = models.FloatField(default=0)
    request_bytes = models.BigIntegerField(default=0)
    response_bytes = models.BigIntegerField(default=0)
    group_id = models.UUIDField(null=True)
    cause = models.TextField(blank=True)
    request_head = models.TextField(blank=True)
    request_body = models.TextField(blank=True)
    response_head = models.TextField(blank=True)
    response_body = models.TextField(blank=True)
    timeline = models.JSONField(null=True)
    reading = models.JSONField(null=True)
    secret_version = models.PositiveIntegerField(null=True)
    secret_age_s = models.FloatField(null=True)
    caller_ip = models.CharField(max_length=45, blank=True)
    jwt_issuer = models.CharField(max_length=200, blank=True)
    jwt_subject = models.CharField(max_length=200, blank=True)
    agent = models.CharField(max_length=80, blank=True)
    upstream_ref = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=12, choices=Source, default=Source.GATEWAY, db_default=Source.GATEWAY)
    reported = models.JSONField(null=True)

    objects = VisibleManager("client_id")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["client_id", "-id"], name="call_client"),
            models.Index(fields=["connection_id", "-id"], name="call_connection"),
            models.Index(fields=["token_id", "-id"], condition=Q(token_id__isnull=False), name="call_token"),
            # Of the few calls that did not simply go through, every fact that a list can be narrowed by: any mix of
            # filters is answered from this index without a row being read (integrations/call_log/search).
            models.Index(
                fields=[
                    "-id",
                    "client_id",
                    "connection_id",
                    "token_id",
                    "environment_id",
                    "provider_key",
                    "status",
                    "outcome",
                    "method",
                ],
                condition=~Q(outcome=Outcome.OK),
                name="call_notable",
            ),
            models.Index(
                fields=["-id", "client_id"], condition=~Q(request_head="", response_head=""), name="call_bodied"
            ),
            models.Index(fields=["group_id", "-id"], condition=Q(group_id__isnull=False), name="call_group"),
            models.Index(fields=["upstream_ref", "-id"], condition=~Q(upstream_ref=""), name="call_upstream_ref"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status or self.code}"


class CallAgain(models.Model):
    """A call that a person made, mostly again. `id` is the approval: it sends one call, however often its form comes.

    Of a call that makes no other again `of_id` is its own. `key_id` is the call whose idempotency key it carried.
    Bare ids, since calls may be in a file of their own.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    call_id = models.UUIDField(unique=True)
    of_id = models.UUIDField(db_index=True)
    key_id = models.UUIDField()
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["-call_id"]

    def __str__(self) -> str:
        return f"{self.of_id} again"


class CallCounts(models.Model):
    """Calls of one connection and token in some time, added to with every batch."""

    connection_id = models.UUIDField()
    client_id = models.UUIDField()
    token_id = models.UUIDField(default=NO_TOKEN)
    calls = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    limited = models.PositiveBigIntegerField(default=0)

    objects = VisibleManager("client_id")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.calls} calls"


class CallHour(CallCounts):
    """Calls of one connection and token in one hour."""

    hour = models.DateTimeField()
    repeated = models.PositiveBigIntegerField(default=0)
    total_ms = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection_id", "token_id", "hour"], name="one_row_an_hour")]
        indexes = [models.Index(fields=["hour"])]


class ClientHour(models.Model):
    """Calls of one client in one hour: what lists of clients sum, a row where `CallHour` has one per connection."""

    client_id = models.UUIDField()
    hour = models.DateTimeField()
    calls = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    limited = models.PositiveBigIntegerField(default=0)

    objects = VisibleManager("client_id")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client_id", "hour"], name="one_row_a_client_and_hour")]
        indexes = [models.Index(fields=["hour"])]

    def __str__(self) -> str:
        return f"{self.calls} calls"


class ErrorGroup(models.Model):
    """Failed calls with the same cause on one connection. `mended_at` is when it was seen to work again, by itself."""

    class State(models.TextChoices):
        OPEN = "open", gettext_lazy("Open")
        SNOOZED = "snoozed", gettext_lazy("Snoozed")
        RESOLVED = "resolved", gettext_lazy("Resolved")
        CAME_BACK = "came_back", gettext_lazy("Came back")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key_hash = models.BinaryField(max_length=32, unique=True)
    client_id = models.UUIDField()
    environment_id = models.UUIDField(null=True)
    connection_id = models.UUIDField(null=True)  # a tool may report an error of no connection of ours
    source = models.CharField(max_length=12, choices=Source, default=Source.GATEWAY, db_default=Source.GATEWAY)
    provider_key = models.CharField(max_length=80, blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    code = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    method = models.CharField(max_length=16)
    path_template = models.TextField()
    cause = models.TextField()
    remedy = models.TextField()
    who = models.CharField(max_length=16)
    count = models.PositiveBigIntegerField(default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    last_call_id = models.UUIDField()
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    snoozed_until = models.DateTimeField(null=True)
    state_changed_at = models.DateTimeField(null=True)
    mended_at = models.DateTimeField(null=True)

    objects = VisibleManager("client_id")

    class Meta:
        ordering = ["-last_seen_at"]
        indexes = [
            models.Index(fields=["state", "-last_seen_at"]),
            models.Index(fields=["client_id", "-last_seen_at"]),
            models.Index(fields=["connection_id", "-last_seen_at"]),
        ]

    def __str__(self) -> str:
        return self.title


class LimitReading(models.Model):
    """The newest reading of one quota of a connection, from an answer's headers, a usage endpoint or our own count."""

    class Source(models.TextChoices):
        HEADERS = "headers", gettext_lazy("Told by the provider")
        USAGE = "usage", gettext_lazy("Read from the provider's usage endpoint")
        DOCUMENTED = "documented", gettext_lazy("Documented limit, our own count")

    connection_id = models.UUIDField()
    client_id = models.UUIDField()
    bucket = models.CharField(max_length=60)
    limit = models.BigIntegerField(null=True)
    remaining = models.BigIntegerField(null=True)
    window_s = models.PositiveIntegerField(null=True)
    resets_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField()
    source = models.CharField(max_length=16, choices=Source)

    objects = VisibleManager("client_id")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection_id", "bucket"], name="one_reading_per_bucket")]

    def __str__(self) -> str:
        return f"{self.bucket}: {self.remaining} of {self.limit}"


class TokenWindow(models.Model):
    """Calls leased to web processes in one window of one gateway token, by conditional update."""

    token_id = models.UUIDField()
    window = models.CharField(max_length=8)
    starts_at = models.DateTimeField()
    leased = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token_id", "window", "starts_at"], name="one_token_window")]

    def __str__(self) -> str:
        return f"{self.leased} in a {self.window}"
