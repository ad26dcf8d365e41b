"""Who reads which dates in a calendar of their own."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, User


class CalendarFeed(models.Model):
    """One private address of dates: of one client, or (no client) of all that its person sees. One of each at most."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    token_hash = models.BinaryField(max_length=32, unique=True)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="feeds")
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="feeds")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("client")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(client__isnull=True), name="one_feed_per_person"),
            models.UniqueConstraint(fields=["client"], condition=Q(client__isnull=False), name="one_feed_per_client"),
            models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(client__isnull=False), name="a_feed_is_somebodys"
            ),
        ]

    def __str__(self) -> str:
        return f"feed of {self.client_id or self.user_id}"
