"""While a signing secret rolls, the one before still counts: the vendor's queue holds requests signed with it.

However the new value came (a page, `provision`, a version brought back), the vault makes a version current; that is
the moment from which the one before is valid for a while longer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from integrations.models import WebhookEndpoint
from integrations.webhooks.changing import switch
from secrets_vault.actor import Actor
from secrets_vault.models import SecretVersion, StoredSecret

ROLLS_FOR = timedelta(hours=24)  # Stripe keeps the old secret of an endpoint for up to 24 hours
State = SecretVersion.State


@receiver(post_save, sender=SecretVersion)
def keep_the_one_before(instance: SecretVersion, *, created: bool, **_: Any) -> None:
    """Let the version in grace count for a day, in the transaction that makes another one current."""
    if created or instance.state != State.CURRENT or instance.secret.kind != StoredSecret.Kind.WEBHOOK_SECRET:
        return
    endpoints = WebhookEndpoint.objects.filter(secret=instance.secret)
    if instance.secret.in_grace is not None:
        endpoints.update(previous_until=timezone.now() + ROLLS_FOR)


def end_roll(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """Let the secret before count no longer, as when it has leaked."""
    was = {"previous_until__isnull": False}
    switch(endpoint, was, {"previous_until": None}, action="webhook.roll_ended", actor=actor)
