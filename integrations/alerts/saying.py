"""What is kept under Messages for a person, and mailed when there is a way to mail."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.template.loader import render_to_string
from django.utils import timezone

from integrations.alerts.hours import end_of_quiet, zone_of
from integrations.alerts.kinds import URGENT, kind_of
from integrations.models import AlertHours, Message
from secrets_vault.models import Client, User
from secrets_vault.people.language import writing_to

PACE = timedelta(hours=1)
MOST_AN_HOUR = 30
"""Mails to one person. What comes after them within the hour is summed up: nobody reads the thirty-first."""
GOES_OUT = (Message.State.QUEUED, Message.State.SENT)


def can_mail() -> bool:
    """Tell whether EMAIL_URL names a way to send."""
    return not str(settings.MAILERS["default"]["BACKEND"]).endswith("dummy.EmailBackend")


def say(
    user: User,
    kind: str,
    *,
    dedupe_key: str,
    subject: str,
    body: str,
    client: Client | None = None,
    now: datetime | None = None,
    is_play: bool = False,
) -> Message | None:
    """Keep one message for a person and queue its mail; None when `dedupe_key` was said before.

    Without SMTP, and for the sandbox and the demo, it is kept under Messages and never sent. In a person's quiet
    hours, and after many mails within an hour, its mail waits and goes in a summary.
    """
    now = now or timezone.now()
    is_kept = is_play or is_play_of(client) or not can_mail()
    held_until = None if is_kept else _held_until(user, kind, now=now)
    state = Message.State.KEPT if is_kept else Message.State.HELD if held_until else Message.State.QUEUED
    try:
        with transaction.atomic():
            message = Message.objects.create(
                dedupe_key=dedupe_key,
                kind=kind,
                user=user,
                to=user.email,
                client=client,
                subject=one_line(subject),
                body=body,
                state=state,
                due_at=held_until or now,
            )
    except IntegrityError:
        return None
    return message


def _held_until(user: User, kind: str, *, now: datetime) -> datetime | None:
    """Return until when a mail waits, None when it goes at once."""
    hours = AlertHours.objects.filter(pk=user.pk).first()
    is_urgent = kind_of(kind).severity == URGENT
    if hours is not None and not (is_urgent and hours.lets_urgent_pass):
        zone = zone_of(user.time_zone)
        if until := end_of_quiet(now, begins=hours.quiet_from, ends=hours.quiet_to, zone=zone):
            return until
    lately = Message.objects.filter(user=user, due_at__range=(now - PACE, now), state__in=GOES_OUT)
    return now + PACE if lately.count() >= MOST_AN_HOUR else None


def one_line(subject: str) -> str:
    """Return a subject as one line: a name in it may hold what ends a line, and such a mail cannot be sent."""
    return " ".join(subject.split())[:200]


def is_play_of(client: Client | None) -> bool:
    """Tell whether a client is of the sandbox or the demo: nothing of them is ever mailed."""
    return client is not None and (client.is_sandbox or client.is_demo)


def recipients(client: Client) -> list[User]:
    """Return who hears about a client: the owner, and everyone who manages it."""
    managing = models.Q(memberships__client=client, memberships__state="active", memberships__role="manager")
    return list(User.objects.filter(models.Q(is_owner=True) | managing, is_active=True).distinct())


def page_url(path: str) -> str:
    """Return the absolute address of a page, from the configured address and never from a request."""
    return f"{settings.KEYLODGE_PUBLIC_URL}{path}"


def tell(
    user: User, kind: str, context: dict[str, object], *, key: str, client: Client | None, now: datetime, is_play: bool
) -> bool:
    """Say `emails/<kind>.txt` to a person in their own language, once for each `key`; tell whether it is new."""
    with writing_to(user):
        subject, body = compose(kind, context)
    key = f"{kind}:{key}:{user.pk}"
    said = say(user, kind, dedupe_key=key, subject=subject, body=body, client=client, now=now, is_play=is_play)
    return said is not None


def compose(kind: str, context: dict[str, object]) -> tuple[str, str]:
    """Return the subject and the body of `emails/<kind>.txt`, whose first line is the subject."""
    text = render_to_string(f"emails/{kind}.txt", context).strip()
    subject, _, body = text.partition("\n")
    return subject.strip(), body.strip() + "\n"
