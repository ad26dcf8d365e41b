"""Upstreams that do not answer, as all processes and pages see them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy

from integrations.models.connection import Connection
from secrets_vault.ids import uuid7


class Outage(models.Model):
    """What is known of one upstream: one row an origin, from its first outage on; `outages.py` changes it.

    While it is open no call goes there, but for one trial at a time from `next_try_at` on. `connection` is set while
    the calls of one connection alone have failed: then the others' go on. `version` counts every change; whoever read
    an older one loses. `trying_until` is the lease of the trial, `delay_s` the last pause between two. `told_at` is
    when people were told of it, until they were told that it is over.
    """

    class Reason(models.TextChoices):
        UNREACHABLE = "unreachable", gettext_lazy("no connection")
        TIMEOUT = "timeout", gettext_lazy("no answer in time")
        FAILING = "failing", gettext_lazy("only errors of its servers")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    origin = models.CharField(max_length=300, unique=True)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="outages")
    is_open = models.BooleanField(default=True, db_index=True)
    reason = models.CharField(max_length=16, choices=Reason)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField()
    trying_until = models.DateTimeField(null=True)
    delay_s = models.FloatField()
    version = models.PositiveBigIntegerField(default=1)
    told_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return self.origin

    @property
    def host(self) -> str:
        """Return the host, with its port where the origin names one."""
        return self.origin.partition("://")[2]
