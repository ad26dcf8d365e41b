"""The end of a client, step by step, and what was done about each thing that gave access."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, User


class Offboarding(models.Model):
    """One off-boarding of one client. Its stage says what may happen next, and what a worker goes on with.

    The keyring is destroyed in the transaction that sets SHREDDING; only what was verified afterwards is DONE.
    """

    class Stage(models.TextChoices):
        BEGUN = "begun", gettext_lazy("Begun")
        REVOKING = "revoking", gettext_lazy("Access is being ended")
        REVOKED = "revoked", gettext_lazy("Access was ended")
        WAITING = "waiting", gettext_lazy("Waits for the end of the time to undo")
        SHREDDING = "shredding", gettext_lazy("Keys are destroyed, rows are being deleted")
        DONE = "done", gettext_lazy("Done")
        CANCELLED = "cancelled", gettext_lazy("Given up")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="offboardings")
    stage = models.CharField(max_length=16, choices=Stage, default=Stage.BEGUN)
    begun_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    begun_by_name = models.CharField(max_length=160, blank=True)
    begun_at = models.DateTimeField()
    revoke_at = models.DateTimeField(null=True)
    exported_at = models.DateTimeField(null=True)
    shred_by_name = models.CharField(max_length=160, blank=True)
    shred_asked_at = models.DateTimeField(null=True)
    shred_due_at = models.DateTimeField(null=True)
    shredded_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=300, blank=True)
    certificate = models.JSONField(null=True)
    signature = models.CharField(max_length=120, blank=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["client"], condition=~Q(stage="cancelled"), name="one_offboarding_of_a_client"
            )
        ]

    def __str__(self) -> str:
        return str(self.client)


class OffboardingItem(models.Model):
    """One thing that gives access, and what came of ending it."""

    class Kind(models.TextChoices):
        TOKEN = "token", gettext_lazy("Gateway token")
        API_TOKEN = "api_token", gettext_lazy("Token that reports errors")
        ENDPOINT = "endpoint", gettext_lazy("Webhook endpoint")
        LINK = "link", gettext_lazy("Link for the client")
        ISSUER = "issuer", gettext_lazy("Trusted issuer of JWTs")
        FEED = "feed", gettext_lazy("Calendar feed")
        GRANT = "grant", gettext_lazy("OAuth access")
        KEY = "key", gettext_lazy("Key at a provider")
        SECRET = "secret", gettext_lazy("Stored secret")

    class Outcome(models.TextChoices):
        WAITING = "waiting", gettext_lazy("Not yet")
        REVOKED = "revoked", gettext_lazy("Revoked")
        BY_HAND = "by_hand", gettext_lazy("To be revoked at the provider")
        DEAD = "dead", gettext_lazy("Confirmed dead")
        STILL_WORKS = "still_works", gettext_lazy("Still works")
        NOT_POSSIBLE = "not_possible", gettext_lazy("Not possible from here")
        FAILED = "failed", gettext_lazy("Not confirmed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    offboarding = models.ForeignKey(Offboarding, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=12, choices=Kind)
    object_id = models.UUIDField()
    label = models.CharField(max_length=200)
    provider = models.CharField(max_length=120, blank=True)
    how_url = models.CharField(max_length=500, blank=True)
    fingerprints = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.WAITING)
    code = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField(null=True)

    objects = VisibleManager("offboarding__client")

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["offboarding", "kind", "object_id"], name="one_item_a_thing")]

    def __str__(self) -> str:
        return self.label
