"""The timetable: each background sweep, its lease, and when it last ran."""

from __future__ import annotations

from django.db import models


class Sweep(models.Model):
    """One kind of background work. A worker claims it by a conditional update on the lease."""

    name = models.CharField(primary_key=True, max_length=40)
    every_s = models.PositiveIntegerField()
    due_at = models.DateTimeField()
    lease_owner = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    ok_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
