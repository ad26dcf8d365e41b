"""How much was used: counts by minute, by day and by path, what models cost, and the budgets that bound it.

The counts stand beside the call log (no foreign keys, a file of their own on SQLite) and are added to with each of
its batches. Money is kept in billionths of a US dollar, as whole numbers: ten tokens of an embedding cost 0.0000002
dollars, and rounding that to a millionth would make it nothing for ever.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from integrations.models.call import CallCounts
from integrations.models.connection import Connection
from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, User

NANO = 10**9  # of a dollar


class CallMinute(CallCounts):
    """Calls of one connection and token in one minute, kept for two days."""

    minute = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection_id", "token_id", "minute"], name="one_row_a_minute"),
        ]
        indexes = [models.Index(fields=["minute"])]


class CallDay(CallCounts):
    """Calls of one connection and token in one day of UTC, kept for over a year."""

    day = models.DateField()
    repeated = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection_id", "token_id", "day"], name="one_row_a_day")]
        indexes = [models.Index(fields=["day"])]


class PathHour(models.Model):
    """Calls of one connection to one place in one hour, ids folded. An empty path is all those that found no row."""

    connection_id = models.UUIDField()
    client_id = models.UUIDField()
    hour = models.DateTimeField()
    method = models.CharField(max_length=16, blank=True)
    path = models.CharField(max_length=200, blank=True)
    calls = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)

    objects = VisibleManager("client_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection_id", "hour", "method", "path"], name="one_row_a_path_and_hour"),
        ]
        indexes = [models.Index(fields=["hour"])]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class SpendDay(models.Model):
    """Tokens and money of one model on one connection in one day of UTC.

    `unpriced_calls` told their tokens, but no price is known for them; `untold_calls` did not tell what they used.
    """

    connection_id = models.UUIDField()
    client_id = models.UUIDField()
    model = models.CharField(max_length=120, blank=True)
    day = models.DateField()
    calls = models.PositiveBigIntegerField(default=0)
    unpriced_calls = models.PositiveBigIntegerField(default=0)
    untold_calls = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    written_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_nano = models.PositiveBigIntegerField(default=0)

    objects = VisibleManager("client_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection_id", "model", "day"], name="one_row_a_model_and_day"),
        ]
        indexes = [models.Index(fields=["client_id", "day"]), models.Index(fields=["day"])]

    def __str__(self) -> str:
        return self.model


class ModelPrice(models.Model):
    """What the agency says a model costs, in place of the price list that came with Keylodge.

    In billionths of a dollar for a million tokens; None: no price, and what was used of it stays unpriced.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_key = models.CharField(max_length=80)
    model = models.CharField(max_length=120)
    input_nano = models.PositiveBigIntegerField(null=True)
    cached_nano = models.PositiveBigIntegerField(null=True)
    written_nano = models.PositiveBigIntegerField(null=True)
    written_long_nano = models.PositiveBigIntegerField(null=True)
    output_nano = models.PositiveBigIntegerField(null=True)
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["provider_key", "model"]
        constraints = [models.UniqueConstraint(fields=["provider_key", "model"], name="one_price_a_model")]

    def __str__(self) -> str:
        return self.model


class Budget(models.Model):
    """What a client, or one of its connections, may cost in a calendar month (UTC).

    At `warn_nano` somebody is told, once a month; at `stop_nano` calls are answered `budget_reached` until the month
    ends. `warned_on` and `stopped_on` are the first day of the month in which that was told last.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="budgets")
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="budgets")
    warn_nano = models.PositiveBigIntegerField(null=True)
    stop_nano = models.PositiveBigIntegerField(null=True)
    warned_on = models.DateField(null=True)
    stopped_on = models.DateField(null=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = VisibleManager("client")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "connection"], name="one_budget_a_connection"),
            models.UniqueConstraint(
                fields=["client"], condition=Q(connection__isnull=True), name="one_budget_a_client"
            ),
            models.CheckConstraint(
                condition=Q(warn_nano__isnull=False) | Q(stop_nano__isnull=False), name="a_budget_says_something"
            ),
        ]

    def __str__(self) -> str:
        return str(self.connection or self.client)
