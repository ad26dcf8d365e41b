"""An endpoint after it was made: disabled, opened for pairing, changed, taken away."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookTarget
from integrations.webhooks.making import record, set_secret
from secrets_vault import generation, vault

if TYPE_CHECKING:
    from secrets_vault.actor import Actor
    from secrets_vault.secret import Secret

PAIRING_LASTS = timedelta(minutes=15)
LONGEST_GRACE = timedelta(days=30)


def disable(endpoint: WebhookEndpoint, *, actor: Actor, now: datetime) -> bool:
    """Take nothing more in: senders are told 410. Return whether anything changed."""
    return switch(endpoint, {"disabled_at": None}, {"disabled_at": now}, action="webhook.disabled", actor=actor)


def enable(endpoint: WebhookEndpoint, *, actor: Actor) -> bool:
    """Take events in again. Return whether anything changed."""
    was = {"disabled_at__isnull": False}
    return switch(endpoint, was, {"disabled_at": None}, action="webhook.enabled", actor=actor)


def start_pairing(endpoint: WebhookEndpoint, *, actor: Actor, now: datetime) -> None:
    """Answer the vendor's handshakes for a quarter of an hour."""
    until = {"pairing_until": now + PAIRING_LASTS}
    switch(endpoint, {}, until, action="webhook.pairing_started", actor=actor)


def stop_pairing(endpoint: WebhookEndpoint, *, actor: Actor) -> bool:
    """Answer unsigned handshakes no more. Return whether anything changed."""
    was = {"pairing_until__isnull": False}
    return switch(endpoint, was, {"pairing_until": None}, action="webhook.pairing_ended", actor=actor)


def roll_secret(
    endpoint: WebhookEndpoint,
    secret: Secret,
    *,
    actor: Actor,
    now: datetime,
    grace: timedelta = timedelta(0),
    made_on: date | None = None,
    expected_current: UUID | None = None,
) -> None:
    """Store the secret a vendor signs with from now on; the one before counts for `grace` more.

    Raises StaleVersion when another one than `expected_current` is in use by now, and VaultError.
    """
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update(of=("self",)).select_related("secret").get(pk=endpoint.pk)
        stored, until = locked.secret, None
        if stored is None or stored.deleted_at is not None:
            locked.secret = None
            set_secret(locked, secret, actor=actor, made_on=made_on)
        else:
            fields = {"secret": secret}
            vault.replace(stored, fields, actor=actor, made_on=made_on, expected_current=expected_current)
            until = now + min(grace, LONGEST_GRACE) if grace else None
        WebhookEndpoint.objects.filter(pk=locked.pk).update(previous_until=until)
        details = {"previous_until": until.isoformat() if until else None}
        tell("webhook.secret_stored", locked, actor=actor, **details)
    endpoint.secret, endpoint.previous_until = locked.secret, until


def delete(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """Remove an endpoint with its events, deliveries and targets for good; its secrets are put aside in the vault."""
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update(of=("self",)).select_related("secret").get(pk=endpoint.pk)
        targets = WebhookTarget.objects.filter(endpoint=locked).select_related("signing_secret")
        secrets = [locked.secret, *(target.signing_secret for target in targets)]
        events = WebhookEvent.objects.filter(endpoint=locked)
        tell("webhook.deleted", endpoint, actor=actor, events=events.count())
        # Without Django's collector: it would read every row of an endpoint that may have hundreds of thousands.
        for rows in (
            WebhookAttempt.objects.filter(delivery__endpoint=locked),
            WebhookDelivery.objects.filter(endpoint=locked),
            events,
            targets,
        ):
            rows.order_by()._raw_delete(rows.db)
        WebhookEndpoint.objects.filter(pk=locked.pk).delete()
        for stored in secrets:
            if stored is not None:
                vault.delete(stored, actor=actor, reason="its webhook endpoint was deleted")


def tell(action: str, endpoint: WebhookEndpoint, *, actor: Actor, **details: Any) -> None:
    """Write an act into the book, and let every process read the endpoint again."""
    record(endpoint, action, actor=actor, **details)
    generation.bump()


def switch(
    endpoint: WebhookEndpoint, was: dict[str, Any], becomes: dict[str, Any], *, action: str, actor: Actor
) -> bool:
    """Change a row that is as it `was`, and say so. Two who press at once make one event of it."""
    with transaction.atomic():
        if not WebhookEndpoint.objects.filter(pk=endpoint.pk, **was).update(**becomes):
            return False
        tell(action, endpoint, actor=actor)
    for name, value in becomes.items():
        setattr(endpoint, name, value)
    return True
