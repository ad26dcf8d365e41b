"""Sends what is queued under Messages. Each message is claimed by lease; a failure waits longer each time."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from secrets import token_hex
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage, mailers

from integrations import wall_clock
from integrations.models import Message

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)


def send_due(*, now: datetime, limit: int = 50) -> int:
    """Send the messages that are due, oldest first; return how many went out."""
    owner = token_hex(8)
    free = wall_clock.is_free("lease_until", now, lease=LEASE)
    is_time = wall_clock.has_come("due_at", now, at_most=WAITS[-1])
    due = Message.objects.filter(free, is_time, state=Message.State.QUEUED).order_by("due_at")
    sent = 0
    for message in list(due[:limit]):
        claimed = Message.objects.filter(free, pk=message.pk, state=Message.State.QUEUED)
        if claimed.update(lease_owner=owner, lease_until=now + LEASE):
            sent += _send(message, now=now)
    return sent


def _send(message: Message, *, now: datetime) -> bool:
    """Send one message outside any transaction, then write down how it went."""
    try:
        deliver(message.to, message.subject, message.body)
    except (OSError, SMTPException) as refused:
        _put_off(message, code=type(refused).__name__, now=now)
        return False
    Message.objects.filter(pk=message.pk).update(
        state=Message.State.SENT, sent_at=now, attempts=message.attempts + 1, lease_until=None, error_code=""
    )
    return True


def _put_off(message: Message, *, code: str, now: datetime) -> None:
    tried = message.attempts + 1
    is_over = tried > len(WAITS)
    logger.warning("mail not sent", extra={"message_id": str(message.pk), "code": code, "tried": tried})
    Message.objects.filter(pk=message.pk).update(
        state=Message.State.FAILED if is_over else Message.State.QUEUED,
        attempts=tried,
        due_at=now if is_over else now + WAITS[tried - 1],
        lease_until=None,
        error_code=code[:60],
    )


def deliver(to: str, subject: str, body: str) -> None:
    """Send one plain-text mail now. Raises OSError or SMTPException; a failed STARTTLS does not send."""
    one_line = " ".join(subject.split())  # whoever is named in it may have a name of several
    mail = EmailMessage(subject=one_line, body=body, from_email=settings.DEFAULT_FROM_EMAIL, to=[to])
    mailers["default"].send_messages([mail])
