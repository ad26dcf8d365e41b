"""Gateway tokens: what an automation holds instead of the credential."""

from __future__ import annotations

from django.db import models

from integrations.models.connection import Connection
from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, User


class GatewayToken(models.Model):
    """A token of one client for named connections. Only keyed hashes are stored; two while one rolls."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="gateway_tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16)
    token_hash = models.BinaryField(max_length=32, unique=True)
    previous_hash = models.BinaryField(max_length=32, null=True, unique=True)
    previous_expires_at = models.DateTimeField(null=True, blank=True)
    connections = models.ManyToManyField(Connection, related_name="gateway_tokens")
    methods = models.JSONField(default=list)
    paths = models.JSONField(default=list)
    per_minute = models.PositiveIntegerField(null=True, blank=True)
    per_day = models.PositiveIntegerField(null=True, blank=True)
    min_gap_s = models.FloatField(null=True, blank=True)
    max_wait_s = models.FloatField(null=True, blank=True)  # for a provider's limit; None: as long as any call waits
    expires_at = models.DateTimeField(null=True, blank=True)
    ip_ranges = models.JSONField(default=list)
    max_uses = models.PositiveIntegerField(null=True, blank=True)
    keep_failed = models.BooleanField(default=False)
    serve_stale = models.BooleanField(default=False)
    origins = models.JSONField(default=list)  # of web pages that may call with it from a browser; `gateway/cors.py`
    use_count = models.PositiveBigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.CharField(max_length=45, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="token_name_per_client")]

    def __str__(self) -> str:
        return self.name


class TrustedIssuer(models.Model):
    """Whose JWTs open a gateway token, beside its own text: from where, meant for whom, and saying what.

    Keys are fetched from `jwks_url`, or are the public ones in `keys` (JWKs). `claims` names what a JWT must say
    for this to be one's own automation: an issuer for the whole world signs for strangers, too.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    token = models.ForeignKey(GatewayToken, on_delete=models.CASCADE, related_name="issuers")
    issuer = models.CharField(max_length=500, db_index=True)
    audience = models.CharField(max_length=500)
    jwks_url = models.CharField(max_length=500, blank=True)
    keys = models.JSONField(default=list)
    algs = models.JSONField(default=list)
    claims = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("token__client")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.issuer
