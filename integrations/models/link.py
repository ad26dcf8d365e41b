"""What a request link asks for, and the templates that such links are made from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy

from integrations.models.connection import ClientLink, Connection
from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import SecretVersion


class LinkItem(models.Model):
    """One thing that a request link asks for: consent to a connection, or a credential for it.

    `version` is what arrived; `warned` holds codes of what looked odd about it, never the value.
    """

    class Takes(models.TextChoices):
        CONSENT = "consent", gettext_lazy("Consent")
        CREDENTIAL = "credential", gettext_lazy("Key or password")

    class LandsAs(models.TextChoices):
        CURRENT = "current", gettext_lazy("In use at once")
        PENDING = "pending", gettext_lazy("Waiting until I take it into use")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    link = models.ForeignKey(ClientLink, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField(default=0)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="asked_for")
    takes = models.CharField(max_length=16, choices=Takes)
    lands_as = models.CharField(max_length=16, choices=LandsAs, default=LandsAs.CURRENT)
    done_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failed_code = models.CharField(max_length=60, blank=True)
    version = models.ForeignKey(SecretVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    outcome = models.CharField(max_length=40, blank=True)
    warned = models.JSONField(default=list)

    objects = VisibleManager("link__client")

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["link", "connection"], name="one_item_per_connection")]

    def __str__(self) -> str:
        return f"{self.takes} for {self.connection_id}"


class LinkTemplate(models.Model):
    """What every new client of a kind is asked for, kept for the next one.

    `asks` holds a table for each item: provider_key, kind and lands_as. It names no client and holds no secret.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120, unique=True)
    why = models.CharField(max_length=300, blank=True)
    asks = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
