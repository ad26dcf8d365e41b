"""A person says: not until then. Nothing is told of the trouble meanwhile but its end; each is in the book."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.models import AlertEpisode
from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.models import User

LONGEST = timedelta(days=90)


class CannotSnooze(IntegrationError):
    """The time is past, or too far ahead; the message says which."""

    code = "cannot_snooze"


def snooze(episode: AlertEpisode, until: datetime, *, user: User, actor: Actor, now: datetime) -> None:
    """Tell nothing of this trouble until then, also where it ends and begins anew. Raises CannotSnooze."""
    if not now < until <= now + LONGEST:
        raise CannotSnooze(_("Choose a time within the next 90 days."))
    _set(episode, until, user=user, action="alert.snoozed", actor=actor)


def wake(episode: AlertEpisode, *, actor: Actor) -> None:
    """Tell of this trouble again as of any other."""
    if episode.snoozed_until is not None:
        _set(episode, None, user=None, action="alert.woken", actor=actor)


def _set(episode: AlertEpisode, until: datetime | None, *, user: User | None, action: str, actor: Actor) -> None:
    with transaction.atomic():
        AlertEpisode.objects.filter(pk=episode.pk).update(snoozed_until=until, snoozed_by=user)
        details = {"kind": episode.kind} | ({"until": until.isoformat(timespec="minutes")} if until else {})
        client = episode.client
        audit.record(action, actor=actor, client=client, subject=episode, label=episode.subject, details=details)
    episode.snoozed_until, episode.snoozed_by = until, user
