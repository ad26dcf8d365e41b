"""The locked boxes: a stored secret, its versions, and the sealed fields of each version."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy

from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models.clients import ROTATION_DAYS, Client, Environment
from secrets_vault.models.people import User


class StoredSecret(models.Model):
    """A credential of one client and environment, or of the agency itself (no client).

    Nothing here is secret: a list of these never decrypts. Values are in SecretField.
    """

    class Kind(models.TextChoices):
        API_KEY = "api_key", gettext_lazy("API key")
        BEARER = "bearer", gettext_lazy("Bearer token")
        BASIC = "basic", gettext_lazy("User name and password")
        OAUTH_TOKENS = "oauth_tokens", gettext_lazy("OAuth tokens")
        OAUTH_APP = "oauth_app", gettext_lazy("OAuth app")
        PRIVATE_KEY = "private_key", gettext_lazy("Private key")
        WEBHOOK_SECRET = "webhook_secret", gettext_lazy("Webhook secret")
        KEY_VALUE_SET = "key_value_set", gettext_lazy("Set of values (.env)")
        NOTE = "note", gettext_lazy("Note")
        ELSEWHERE = "elsewhere", gettext_lazy("Kept elsewhere")
        SYSTEM = "system", gettext_lazy("Keylodge's own")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT, related_name="secrets")
    environment = models.ForeignKey(
        Environment, null=True, blank=True, on_delete=models.PROTECT, related_name="secrets"
    )
    kind = models.CharField(max_length=16, choices=Kind)
    label = models.CharField(max_length=120)
    provider_key = models.CharField(max_length=80, blank=True)
    owner = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="owned_secrets")
    owner_name = models.CharField(max_length=120, blank=True)
    where_used = models.CharField(max_length=300, blank=True)
    elsewhere_place = models.CharField(max_length=120, blank=True)
    elsewhere_url = models.URLField(max_length=500, blank=True)
    current = models.ForeignKey("SecretVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    last_number = models.PositiveIntegerField(default=0)
    policy = models.JSONField(null=True)
    policy_mac = models.BinaryField(null=True, max_length=32)
    rotate_after_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=ROTATION_DAYS)
    rotate_on = models.DateField(null=True, blank=True)
    snoozed_until = models.DateField(null=True, blank=True)
    snooze_reason = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["label", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(client__isnull=False) | models.Q(environment__isnull=True),
                name="an_environment_has_its_client",
            ),
        ]
        indexes = [models.Index(fields=["client", "kind"])]

    def __str__(self) -> str:
        return self.label

    @property
    def in_grace(self) -> SecretVersion | None:
        """Return the version before the current one, None where it counts no longer."""
        found: SecretVersion | None = self.versions.filter(state=SecretVersion.State.GRACE).first()
        return found


class SecretVersion(models.Model):
    """One value a secret has had. Versions are only ever added; "current" is a pointer on the secret."""

    class State(models.TextChoices):
        PENDING = "pending", gettext_lazy("Pending")
        VERIFIED = "verified", gettext_lazy("Verified")
        CURRENT = "current", gettext_lazy("Current")
        GRACE = "grace", gettext_lazy("In grace")
        RETIRED = "retired", gettext_lazy("Retired")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    secret = models.ForeignKey(StoredSecret, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    made_on = models.DateField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    made_by = models.CharField(max_length=160, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    restored_from = models.PositiveIntegerField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    first_used_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleManager("secret__client")

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["secret", "number"], name="version_number_per_secret")]

    def __str__(self) -> str:
        return f"version {self.number}"


class SecretField(models.Model):
    """One sealed value of a version: `api_key`, `password`, `access_token`, or a name from an .env file.

    `blob` is the envelope of design; `fingerprint` is HMAC-SHA-256 cut to 16 bytes, so that the
    same value is found anywhere in the installation without opening anything; `masked` is made
    when the value is stored, so that a list has something to show.
    """

    version = models.ForeignKey(SecretVersion, on_delete=models.CASCADE, related_name="fields")
    name = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField(default=0)
    blob = models.BinaryField()
    fingerprint = models.BinaryField(null=True, max_length=16, db_index=True)
    masked = models.CharField(max_length=40)

    objects = VisibleManager("version__secret__client")

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="field_name_per_version")]

    def __str__(self) -> str:
        return self.name
