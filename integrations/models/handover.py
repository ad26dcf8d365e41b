"""One-time links: values on their way to somebody without an account."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy

from secrets_vault.access import VisibleManager
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, StoredSecret, User


class Handover(models.Model):
    """A link under /handover/ that shows what it holds as often as was said, until it ends.

    `sealed` opens only with the link's token, of which a keyed hash is kept (`secrets_vault/vault/handing_out.py`);
    it is emptied with the last view, and when the link is revoked, expires or is burnt. `tries_left` bounds how
    often a passphrase, an e-mail address or a mailed code may be guessed.
    """

    class Confirm(models.TextChoices):
        NOBODY = "", gettext_lazy("Nobody: whoever has the link")
        EMAIL = "email", gettext_lazy("They type their e-mail address")
        CODE = "code", gettext_lazy("They type a code that is mailed to them")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    token_hash = models.BinaryField(max_length=32, unique=True)
    client = models.ForeignKey(Client, null=True, on_delete=models.CASCADE, related_name="handovers")
    secret = models.ForeignKey(StoredSecret, null=True, on_delete=models.SET_NULL, related_name="handovers")
    label = models.CharField(max_length=120)
    fields = models.JSONField(default=list)
    sealed = models.BinaryField(null=True)
    passphrase_hash = models.CharField(max_length=200, blank=True)
    confirm = models.CharField(max_length=8, choices=Confirm, blank=True)
    confirm_email = models.EmailField(blank=True)
    code_hash = models.BinaryField(max_length=32, null=True)
    code_until = models.DateTimeField(null=True)
    codes_sent = models.PositiveSmallIntegerField(default=0)
    tries_left = models.PositiveSmallIntegerField()
    views_allowed = models.PositiveSmallIntegerField(default=1)
    views_used = models.PositiveSmallIntegerField(default=0)
    language = models.CharField(max_length=8, default="en")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    opened_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    burnt_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True)

    objects = VisibleManager("client")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(views_used__lte=models.F("views_allowed")), name="no_view_more_than_allowed"
            )
        ]

    def __str__(self) -> str:
        return self.label
