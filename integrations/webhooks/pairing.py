"""Handshakes: a vendor asks whether this address is ours. Answered while somebody pairs, or when signed.

Else anybody could make this endpoint say yes to a subscription of theirs, or hand it a secret.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from django.db import transaction

from integrations.models import WebhookEndpoint
from integrations.outbound import OutboundError, send
from integrations.webhooks.endpoints import INLET
from integrations.webhooks.verdicts import Handshake
from secrets_vault import audit, generation, vault
from secrets_vault.errors import NoValue
from secrets_vault.secret import Secret

VISIT_WITHIN_S = 5.0


class NotPaired(Exception):
    """The handshake is not answered. `why` is a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def check(endpoint: WebhookEndpoint, handshake: Handshake, *, now: datetime) -> None:
    """Raise NotPaired unless this handshake may be answered now."""
    may_always = handshake.is_signed or handshake.is_repeated
    if may_always and handshake.secret_to_keep is None and not handshake.visit:
        return
    if endpoint.pairing_until is None or now >= endpoint.pairing_until:
        raise NotPaired("The vendor asks whether this address is yours. Start pairing, and let it ask again.")


def carry_out(endpoint: WebhookEndpoint, handshake: Handshake, *, now: datetime) -> None:
    """Do what a handshake asks for before it is answered: keep its secret, visit its address.

    Raises NotPaired when another secret is stored already, and OutboundError when the visit failed.
    """
    if handshake.secret_to_keep is not None:
        keep_secret(endpoint, handshake.secret_to_keep, now=now)
    if handshake.visit:
        _visit(handshake.visit)


def keep_secret(endpoint: WebhookEndpoint, secret: Secret, *, now: datetime) -> None:
    """Store the secret that a handshake brought, once. A later one never replaces it."""
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        if locked.secret is not None:
            if _is_same(locked, secret):
                return
            raise NotPaired("A handshake brought another secret than the one that is stored. It was not taken.")
        locked.secret = vault.store(
            actor=INLET,
            client=locked.client,
            environment=locked.environment,
            kind="webhook_secret",
            label=f"{locked.slug} webhook",
            fields={"secret": secret},
            made_on=now.date(),
            reason="handshake",
        )
        locked.save(update_fields=["secret"])
        audit.record("webhook.paired", actor=INLET, client=locked.client_id, subject=locked)
        generation.bump()


def _is_same(endpoint: WebhookEndpoint, secret: Secret) -> bool:
    try:
        return endpoint.secret is not None and vault.holds(endpoint.secret, {"secret": secret})
    except NoValue:
        return False


def _visit(url: str) -> None:
    """Confirm a subscription at the vendor's own address, which the signature covers. No redirect is followed."""
    if urlsplit(url).scheme != "https":
        raise NotPaired("The address to confirm at is not https.")
    answer = send("GET", url, deadline_s=VISIT_WITHIN_S, max_bytes=64 * 1024)
    if answer.status >= 300:
        raise OutboundError(f"answered {answer.status}")
