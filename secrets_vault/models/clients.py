"""The consultant's customers, their environments, and who of us may see them."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy

from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models.people import User

ROTATION_DAYS = [MinValueValidator(1), MaxValueValidator(730)]


class Client(models.Model):
    """A customer of the consultant. Every secret, connection and call belongs to one, or to the agency."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    notes = models.TextField(blank=True)
    language = models.CharField(max_length=8, default="en")
    time_zone = models.CharField(max_length=64, default="UTC")
    rotate_after_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=ROTATION_DAYS)
    keep_webhooks_days = models.PositiveSmallIntegerField(null=True, blank=True)
    keep_calls_days = models.PositiveSmallIntegerField(null=True, blank=True)
    keep_bodies_days = models.PositiveSmallIntegerField(null=True, blank=True)
    snoozed_until = models.DateField(null=True, blank=True)
    snooze_reason = models.CharField(max_length=200, blank=True)
    is_sandbox = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("self")

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Environment(models.Model):
    """Production, staging and the like, within one client."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="environments")
    slug = models.SlugField(max_length=40)
    is_production = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["position", "slug"]
        constraints = [models.UniqueConstraint(fields=["client", "slug"], name="environment_slug_per_client")]

    def __str__(self) -> str:
        return self.slug


class Membership(models.Model):
    """What one person may do for one client. Only an active membership gives any right."""

    class Role(models.TextChoices):
        MANAGER = "manager", gettext_lazy("Manages")
        VIEWER = "viewer", gettext_lazy("Looks only")

    class State(models.TextChoices):
        INVITED = "invited", gettext_lazy("Invited")
        ACTIVE = "active", gettext_lazy("Active")
        SUSPENDED = "suspended", gettext_lazy("Suspended")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    state = models.CharField(max_length=16, choices=State, default=State.INVITED)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "client"], name="one_membership_per_client")]

    def __str__(self) -> str:
        return f"{self.role} ({self.state})"
