"""Who signs in, from where, and how often somebody tried."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from secrets_vault.ids import uuid7


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        """Return a new user; the password is hashed, or unusable when None."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user with this e-mail address, whatever its case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person. The owner of the installation sees every client; others by Membership."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField("e-mail", max_length=254, unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    is_owner = models.BooleanField(default=False)
    time_zone = models.CharField(max_length=64, default="UTC")
    # Empty: as the browser asks. Mails have no browser: what it asked for at the last sign-in is kept for them.
    language = models.CharField(max_length=8, default="", blank=True)
    browser_language = models.CharField(max_length=8, default="", blank=True, editable=False)
    has_single_key_shortcuts = models.BooleanField(default=True)
    wants_digest = models.BooleanField(default=True)
    joined_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_without_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return the first word of the name, for a greeting."""
        return self.name.split(" ")[0] if self.name else self.email


class Session(models.Model):
    """A signed-in browser. The row's key is an HMAC of the cookie, so a dump signs nobody in."""

    key_hash = models.BinaryField(primary_key=True, max_length=32)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")
    sealed_data = models.BinaryField()
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    is_remembered = models.BooleanField(default=False)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"session of {self.user_id}"

    @property
    def name(self) -> str:
        """Return what names the row on a page: half of its key, which opens nothing."""
        return bytes(self.key_hash)[:16].hex()


class LoginAttempt(models.Model):
    """A counter of failed sign-ins per account or address, kept by conditional updates."""

    key_hash = models.BinaryField(primary_key=True, max_length=32)
    window_started_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.count} attempts"
