"""A new address for a link whose old one was lost, or whose time is over; what is done stays done."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.links.link import MAX_DAYS, LinkRefused, address, ends, new_token, record_act, seal_token, token_hash
from integrations.models import ClientLink
from secrets_vault.actor import Actor


def renew(link: ClientLink, *, actor: Actor, now: datetime) -> str:
    """Return the new address, which works for a week; the old one opens nothing any more.

    A link that was used up or revoked stays over: raises LinkRefused.
    """
    token = new_token()
    about = {
        "token_hash": token_hash(token),
        "expires_at": ends(now, days=MAX_DAYS),
        "sealed_token": seal_token(link, token) if link.sent_to else None,
        "tries": 0,
    }
    living = ClientLink.objects.filter(pk=link.pk, used_at__isnull=True, revoked_at__isnull=True)
    with transaction.atomic():
        if not living.update(**about):
            raise LinkRefused(_("This link is over. Make a new one."))
        record_act(link, "link.renewed", actor=actor)
    link.refresh_from_db(fields=list(about))
    return address(link, token)
