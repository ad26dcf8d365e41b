"""Rotations under way and ended: where each one stands, so that it goes on after a restart from where it was."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from integrations.models.connection import Connection
from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, SecretVersion, StoredSecret


class SecretRotation(models.Model):
    """One change of one secret, from the new value at the provider to the proof that the old one is dead.

    At most one of a secret is under way. What is known of each step stands in its own column; nothing here is
    secret. `new_at_provider` and `old_at_provider` name the keys at the provider, where a driver made them.
    """

    class Step(models.TextChoices):
        STORE = "store", gettext_lazy("Make the new one and store it")
        PROBE = "probe", gettext_lazy("Try the new one")
        SWITCH = "switch", gettext_lazy("Switch the gateway")
        WATCH = "watch", gettext_lazy("Watch, then revoke the old one")
        PROVE = "prove", gettext_lazy("Prove that the old one is dead")
        DONE = "done", gettext_lazy("Done")
        GIVEN_UP = "given_up", gettext_lazy("Given up")
        UNDONE = "undone", gettext_lazy("Undone")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, null=True, on_delete=models.PROTECT, related_name="rotations")
    secret = models.ForeignKey(StoredSecret, on_delete=models.CASCADE, related_name="rotations")
    connection = models.ForeignKey(Connection, null=True, on_delete=models.SET_NULL, related_name="rotations")
    step = models.CharField(max_length=16, choices=Step, default=Step.STORE)
    driver = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    old_version = models.ForeignKey(SecretVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    new_version = models.ForeignKey(SecretVersion, null=True, on_delete=models.SET_NULL, related_name="+")

    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=160, blank=True)
    stored_at = models.DateTimeField(null=True)
    probed_at = models.DateTimeField(null=True)
    probe_outcome = models.CharField(max_length=40, blank=True)
    probe_status = models.PositiveSmallIntegerField(null=True)
    switched_at = models.DateTimeField(null=True)
    fell_back_at = models.DateTimeField(null=True)
    fall_backs = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=160, blank=True)
    proved_at = models.DateTimeField(null=True)
    proof = models.CharField(max_length=40, blank=True)
    proof_status = models.PositiveSmallIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)

    making_at = models.DateTimeField(null=True)
    new_at_provider = models.CharField(max_length=200, blank=True)
    old_at_provider = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["secret"], condition=Q(ended_at__isnull=True), name="one_rotation_a_secret")
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(ended_at__isnull=True), name="rotation_due")]

    def __str__(self) -> str:
        return f"rotation of {self.secret_id}"

    @property
    def is_open(self) -> bool:
        """Tell whether it is still under way."""
        return self.ended_at is None


class AutomaticRotation(models.Model):
    """The switch on one secret: when it is due, its provider's driver rotates it. No row means off."""

    secret = models.OneToOneField(
        StoredSecret, primary_key=True, on_delete=models.CASCADE, related_name="automatic_rotation"
    )
    switched_on_at = models.DateTimeField()
    switched_on_by = models.CharField(max_length=160, blank=True)

    objects = VisibleManager("secret__client")

    def __str__(self) -> str:
        return f"automatic rotation of {self.secret_id}"
