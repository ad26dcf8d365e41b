"""One client × environment × provider, and what it takes to connect it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, Environment, StoredSecret, User


class CustomProvider(models.Model):
    """A provider that the consultant describes: the same facts as a catalogue file, as JSON.

    `key` is what connections store, like a catalogue key; it starts with "custom-" and never changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.CASCADE, related_name="providers")
    facts = models.JSONField()
    is_sandbox = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class OAuthApp(models.Model):
    """The client id and client secret that a provider gave us. The agency's own, or one client's
    (`for_client`; `client_id` is OAuth's client, RFC 6749 section 2.2).

    The secret half is a StoredSecret of kind `oauth_app` with the field `client_secret`, or `private_key` where the
    app signs (RFC 7523 section 2.2). `is_in_testing`: the provider lets its grants die early.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120, unique=True)
    provider_key = models.CharField(max_length=80)
    for_client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.PROTECT, related_name="oauth_apps")
    client_id = models.CharField("client id", max_length=300)
    secret = models.ForeignKey(StoredSecret, null=True, on_delete=models.PROTECT, related_name="oauth_apps")
    required_scopes = models.JSONField(default=list)
    optional_scopes = models.JSONField(default=list)
    is_in_testing = models.BooleanField(default=False)
    is_broken = models.BooleanField(default=False)
    broken_code = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("for_client")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Connection(models.Model):
    """One client × environment × provider. Its slug is the gateway path and never changes.

    `version` counts every write of the credential or the state; a writer that read an older
    version loses (compare-and-swap). The refresh lease is a conditional update on this row.

    `choices` is what the provider listed as reached by the credential, of which `variables` names one.
    `version_before` is the API version before the one that is pinned now: "-" the provider's own choice, "" never
    changed.

    `account_unconfirmed`: a credential arrived for which the provider named no account, while one is wanted; a test
    call that names it, or a person, ends that.

    `secret` is what a call carries. Where that is a token that a longer-lived secret is spent for, `grant_secret`
    is that one (the private key of a service account, a key that is exchanged), and `claims` is what its JWT says
    beside its times.
    `beside_secret` holds values that a call carries beside a token (Google Ads' developer token).
    """

    class Kind(models.TextChoices):
        API_KEY = "api_key", gettext_lazy("API key")
        BEARER = "bearer", gettext_lazy("Bearer token")
        BASIC = "basic", gettext_lazy("User name and password")
        OAUTH2 = "oauth2", "OAuth 2"
        CLIENT_CREDENTIALS = "client_credentials", gettext_lazy("OAuth 2, the app itself")
        JWT_BEARER = "jwt_bearer", gettext_lazy("Signed JWT (service account)")
        KEY_EXCHANGE = "key_exchange", gettext_lazy("Key that is exchanged for a token")

    MACHINE_KINDS = (Kind.CLIENT_CREDENTIALS, Kind.JWT_BEARER, Kind.KEY_EXCHANGE)
    KEEPER_KINDS = (Kind.JWT_BEARER, Kind.KEY_EXCHANGE)

    class ProbeEvery(models.TextChoices):
        DAY = "day", gettext_lazy("Once a day")
        HOUR = "hour", gettext_lazy("Every hour")
        OFF = "off", gettext_lazy("Only when somebody asks")

    class Status(models.TextChoices):
        NOT_CONNECTED = "not_connected", gettext_lazy("Not connected")
        UNTESTED = "untested", gettext_lazy("Not tested yet")
        CONNECTED = "connected", gettext_lazy("Connected")
        FAILING = "failing", gettext_lazy("Failing")
        NEEDS_RECONNECTING = "needs_reconnecting", gettext_lazy("Needs reconnecting")
        PAUSED = "paused", gettext_lazy("Paused")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=80, unique=True)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="connections")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="connections")
    provider_key = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, choices=Kind)
    label = models.CharField(max_length=120, blank=True)
    secret = models.ForeignKey(
        StoredSecret, null=True, blank=True, on_delete=models.PROTECT, related_name="connections"
    )
    oauth_app = models.ForeignKey(OAuthApp, null=True, blank=True, on_delete=models.PROTECT, related_name="connections")
    grant_secret = models.ForeignKey(
        StoredSecret, null=True, blank=True, on_delete=models.PROTECT, related_name="granted_connections"
    )
    beside_secret = models.ForeignKey(
        StoredSecret, null=True, blank=True, on_delete=models.PROTECT, related_name="connections_beside"
    )
    claims = models.JSONField(default=dict)
    variables = models.JSONField(default=dict)
    choices = models.JSONField(default=list)
    version_before = models.CharField(max_length=60, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.NOT_CONNECTED)
    status_code = models.CharField(max_length=60, blank=True)
    status_before_pause = models.CharField(max_length=20, blank=True)
    status_since = models.DateTimeField(null=True, blank=True)
    version = models.PositiveBigIntegerField(default=1)

    account_id = models.CharField(max_length=200, blank=True)
    account_name = models.CharField(max_length=200, blank=True)
    expected_account_id = models.CharField(max_length=200, blank=True)
    account_unconfirmed = models.BooleanField(default=False)
    requested_scopes = models.JSONField(default=list)
    granted_scopes = models.JSONField(default=list)
    connected_at = models.DateTimeField(null=True, blank=True)
    connected_by = models.CharField(max_length=160, blank=True)

    access_expires_at = models.DateTimeField(null=True, blank=True)
    refresh_expires_at = models.DateTimeField(null=True, blank=True)
    refresh_ends_by = models.CharField(max_length=12, blank=True)
    refresh_due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    refresh_failures = models.PositiveIntegerField(default=0)
    refresh_lease_owner = models.CharField(max_length=40, blank=True)
    refresh_lease_until = models.DateTimeField(null=True, blank=True)
    refresh_intent_at = models.DateTimeField(null=True, blank=True)
    refresh_intent_version = models.PositiveIntegerField(null=True, blank=True)

    probed_at = models.DateTimeField(null=True, blank=True)
    probe_due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    probe_every = models.CharField(max_length=8, choices=ProbeEvery, default=ProbeEvery.DAY)
    probe_outcome = models.CharField(max_length=40, blank=True)
    probe_status = models.PositiveSmallIntegerField(null=True, blank=True)

    sunsets_done = models.JSONField(default=list)
    slow_down_percent = models.PositiveSmallIntegerField(default=80)
    spend_stopped_until = models.DateTimeField(
        null=True, blank=True
    )  # a budget's hard stop; integrations/usage/budgets.py
    is_sandbox = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["slug"]
        indexes = [models.Index(fields=["client", "status"])]

    def __str__(self) -> str:
        return self.label or self.slug

    @property
    def has_tokens(self) -> bool:
        """Tell whether a call carries an access token that ends and is replaced here."""
        return self.kind in (self.Kind.OAUTH2, *self.MACHINE_KINDS)

    @property
    def is_machine(self) -> bool:
        """Tell whether its tokens are asked for without anybody's consent."""
        return self.kind in self.MACHINE_KINDS

    @property
    def keeps_a_key(self) -> bool:
        """Tell whether what its tokens are asked for with is kept beside them."""
        return self.kind in self.KEEPER_KINDS

    @property
    def wanted_account_id(self) -> str:
        """Return the account it is to be for: what a person wrote down, else the one it was connected with."""
        return self.expected_account_id or self.account_id

    def is_for_other_than(self, account_id: str) -> bool:
        """Tell whether a credential's account is another than wanted; one that is not named is no other."""
        return bool(self.wanted_account_id and account_id and account_id != self.wanted_account_id)


class OAuthFlow(models.Model):
    """One consent under way: the row behind `state` (RFC 6749 section 10.12). Consumed once, in ten minutes.

    `found` holds what a consent brought (account, scopes, times; never a token) while a person decides
    whether another account than expected may be connected. `nonce_hash`: an id_token was asked for, and must
    repeat the nonce.
    """

    state_hash = models.BinaryField(primary_key=True, max_length=32)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="flows")
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    link = models.ForeignKey("ClientLink", null=True, on_delete=models.CASCADE, related_name="flows")
    browser_hash = models.BinaryField(max_length=32)
    provider_key = models.CharField(max_length=80)
    issuer = models.CharField(max_length=300, blank=True)
    redirect_uri = models.CharField(max_length=500)
    sealed_verifier = models.BinaryField()
    nonce_hash = models.BinaryField(max_length=32, null=True)
    requested_scopes = models.JSONField(default=list)
    connection_version = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    consumed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=60, blank=True)
    found = models.JSONField(null=True)

    objects = VisibleManager("connection__client")

    def __str__(self) -> str:
        return f"consent for {self.connection_id}"


class ClientLink(models.Model):
    """A link that a client without an account opens: to connect one account, or to go through a list of requests.

    `sealed_token` is there only while the link may be mailed again, for a reminder or a forgotten mail.
    """

    class Kind(models.TextChoices):
        CONNECT = "connect", gettext_lazy("Connect")
        REQUEST = "request", gettext_lazy("Request")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    token_hash = models.BinaryField(max_length=32, unique=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="links")
    connection = models.ForeignKey(Connection, null=True, blank=True, on_delete=models.CASCADE, related_name="links")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failed_code = models.CharField(max_length=60, blank=True)
    sent_to = models.EmailField(blank=True)
    language = models.CharField(max_length=8, default="en")
    why = models.CharField(max_length=300, blank=True)
    sealed_token = models.BinaryField(null=True)
    remind_at = models.DateTimeField(null=True, blank=True, db_index=True)
    nudges = models.PositiveSmallIntegerField(default=0)
    nudged_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    tries_since = models.DateTimeField(null=True, blank=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["connection"], condition=Q(used_at__isnull=True), name="open_links")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="request") | Q(connection__isnull=False), name="a_connect_link_has_its_connection"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} link"
