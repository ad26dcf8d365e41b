"""Reminds a client of a link: once more by hand, or by itself every two days, three times at most, until it is done.

The mail goes out here and is never queued: what is queued is stored, and a link's address is stored sealed only.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.db import transaction
from django.db.models import F, Q

from integrations import alerts, wall_clock
from integrations.links.link import LinkRefused, address, link_state, open_token, record_act
from integrations.links.naming import names_of
from integrations.links.words import words_in
from integrations.mail import deliver
from integrations.models import ClientLink
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

EVERY = timedelta(days=2)
MOST_BY_ITSELF = 3
LEAST_APART = timedelta(hours=12)
"""Between two mails to the same client, whoever sends them: a nudge is no stick."""
AT_ONCE = 50


def may_nudge(link: ClientLink, *, now: datetime) -> str:
    """Return why a reminder cannot go out now, in a code, or nothing."""
    if link_state(link, now=now) not in ("open", "opened"):
        return "over"
    if link.sealed_token is None or not link.sent_to:
        return "copied"
    if is_play(link):
        return "play"
    if not alerts.can_mail():
        return "no_mail"
    if link.nudged_at is not None and timedelta(0) <= now - link.nudged_at < LEAST_APART:
        return "lately"
    return ""


def is_play(link: ClientLink) -> bool:
    """Tell whether a link belongs to the sandbox or the demo, which mail nobody."""
    client = link.client
    if link.connection is not None:
        sandboxed = link.connection.is_sandbox
    else:
        sandboxed = link.items.exists() and not link.items.filter(connection__is_sandbox=False).exists()
    return client.is_sandbox or client.is_demo or sandboxed


def nudge(link: ClientLink, *, actor: Actor, now: datetime) -> None:
    """Mail the same address once more. Raises LinkRefused, VaultError, OSError or SMTPException."""
    if reason := may_nudge(link, now=now):
        raise LinkRefused(reason)
    url = address(link, open_token(link).expose())
    # Counted before it goes: a worker that dies in between has said it too seldom, never twice.
    same = Q(nudged_at=link.nudged_at) if link.nudged_at else Q(nudged_at__isnull=True)
    living = ClientLink.objects.filter(same, pk=link.pk, used_at__isnull=True, revoked_at__isnull=True)
    with transaction.atomic():
        if not living.update(nudged_at=now, nudges=F("nudges") + 1):
            raise LinkRefused("lately")
        record_act(link, "link.nudged", actor=actor)
    deliver(link.sent_to, *_reminder(link, url))


def _reminder(link: ClientLink, url: str) -> tuple[str, str]:
    words = words_in(link.language, url=url, **names_of(link))
    return words["reminder_mail_subject"], words["reminder_mail_body"]


def remind_due(*, now: datetime) -> int:
    """Remind of the links that are due, oldest first; return how many mails went out. For the sweep."""
    is_time = wall_clock.has_come("remind_at", now, at_most=EVERY)
    open_ones = ClientLink.objects.filter(
        is_time, used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now, client__archived_at__isnull=True
    )
    due = list(open_ones.select_related("client", "created_by", "connection").order_by("remind_at")[:AT_ONCE])
    return sum(_remind(link, now=now) for link in due)


def _remind(link: ClientLink, *, now: datetime) -> bool:
    is_last = link.nudges + 1 >= MOST_BY_ITSELF
    again = None if is_last or now + EVERY >= link.expires_at else now + EVERY
    claimed = ClientLink.objects.filter(pk=link.pk, remind_at=link.remind_at)
    if not claimed.update(remind_at=again):
        return False
    try:
        nudge(link, actor=SYSTEM, now=now)
    except LinkRefused:
        return False  # over, or mailed by hand a moment ago: the next one is due in its turn
    except (VaultError, OSError, SMTPException) as failed:
        logger.warning("reminder not sent", extra={"link": str(link.pk), "code": type(failed).__name__})
        return False
    return True


def forget_ended(*, now: datetime) -> int:
    """Drop the sealed tokens of links that ended: they open nothing any more."""
    ended = ClientLink.objects.filter(sealed_token__isnull=False, expires_at__lte=now)
    return ended.update(sealed_token=None, remind_at=None)
