"""A trouble, from the first that is heard of it until it is over.

It is told when it begins and when it is over; one that comes and goes becomes a single unstable one. The daily
reminder of what is still open is in `daily.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from integrations.alerts.announcing import announce
from integrations.alerts.kinds import kind_of
from integrations.alerts.saying import page_url
from integrations.models import AlertEpisode, Connection, GatewayToken
from secrets_vault.models import Client

MOST_TURNS = 3
"""How often a trouble may begin within an hour and be told each time. The next time it is unstable."""
STEADY = timedelta(hours=1)


@dataclass(frozen=True)
class Subject:
    """What a trouble is about. `about` names it for good, as in "connection:<id>"; `path` is its page."""

    client: Client
    about: str
    path: str
    connection: Connection | None = None
    token: GatewayToken | None = None
    is_play: bool = False

    @classmethod
    def of(cls, connection: Connection) -> Subject:
        """Return a connection as the subject of a trouble."""
        is_play = connection.is_sandbox or connection.is_demo
        about, path = about_connection(connection), f"/connections/{connection.slug}/"
        return cls(connection.client, about, path, connection=connection, is_play=is_play)

    @classmethod
    def of_token(cls, token: GatewayToken, *, is_play: bool = False) -> Subject:
        """Return a gateway token as the subject of a trouble; its page is the one that pauses it."""
        return cls(token.client, f"token:{token.pk}", f"/tokens/{token.pk}/pause/", token=token, is_play=is_play)


def about_connection(connection: Connection) -> str:
    """Return the name that troubles of a connection have for good."""
    return f"connection:{connection.pk}"


def begin(
    subject: Subject, kind: str, *, now: datetime, code: str = "", facts: Mapping[str, Any] | None = None
) -> AlertEpisode | None:
    """Open a trouble and tell of it once; None while the same one is open, or is not to be told.

    `facts` are numbers and names for its text; they are kept with it, so no secret belongs there.
    """
    if _came_again(subject.about, kind, now=now):
        return None
    earlier = AlertEpisode.objects.filter(about=subject.about, kind=kind)
    snooze = earlier.filter(snoozed_until__gt=now).order_by("-snoozed_until").first()
    is_unstable = earlier.filter(opened_at__gt=now - STEADY).count() >= MOST_TURNS
    try:
        with transaction.atomic():
            episode = AlertEpisode.objects.create(
                kind=kind,
                about=subject.about,
                client=subject.client,
                connection=subject.connection,
                token=subject.token,
                code=code,
                facts={**(facts or {}), "path": subject.path},
                opened_at=now,
                turned_at=now,
                is_unstable=is_unstable,
                snoozed_until=snooze.snoozed_until if snooze else None,
                snoozed_by_id=snooze.snoozed_by_id if snooze else None,
                told_at=None if snooze else now,
            )
            if snooze is None:
                tell(episode, "unstable" if is_unstable else kind, now=now, is_play=subject.is_play)
    except IntegrityError:  # another worker was first
        return None
    return episode


def _came_again(about: str, kind: str, *, now: datetime) -> bool:
    """Note that an open trouble is there again; tell whether there was one open."""
    open_one = AlertEpisode.objects.filter(about=about, kind=kind, closed_at=None)
    open_one.filter(is_unstable=True, up_since__isnull=False).update(up_since=None, turned_at=now)
    return open_one.exists()


def end(about: str, *, kinds: Iterable[str], now: datetime) -> int:
    """Close the open troubles of these kinds and tell that they are over; return how many.

    An unstable one only notes that it is quiet now: `settle` closes it when it has stayed so.
    """
    open_ones = AlertEpisode.objects.filter(about=about, kind__in=list(kinds), closed_at=None)
    open_ones.filter(is_unstable=True, up_since=None).update(up_since=now, turned_at=now)
    steady = open_ones.filter(is_unstable=False).select_related("client", "connection", "token")
    return sum(close(episode, now=now) for episode in list(steady))


def close(episode: AlertEpisode, *, now: datetime) -> int:
    """Close one trouble and tell that it is over, if anybody had heard of it; return 1 if it was open."""
    with transaction.atomic():
        if not AlertEpisode.objects.filter(pk=episode.pk, closed_at=None).update(closed_at=now):
            return 0
        if episode.told_at is not None:
            tell(episode, kind_of(episode.kind).over, now=now, is_play=_is_play(episode))
    return 1


def settle(now: datetime) -> int:
    """See to what only time decides: unstable troubles that have become steady, and snoozes that are over."""
    unstable = AlertEpisode.objects.filter(closed_at=None, is_unstable=True)
    quiet = unstable.filter(up_since__lte=now - STEADY).select_related("client", "connection", "token")
    done = sum(close(episode, now=now) for episode in list(quiet))
    # It no longer comes and goes, it is simply there: from now on one success ends it.
    unstable.filter(up_since=None, turned_at__lte=now - STEADY).update(is_unstable=False)
    return done + _wake(now)


def _wake(now: datetime) -> int:
    """Tell of troubles that began while they were snoozed and are still there."""
    over = AlertEpisode.objects.filter(closed_at=None, told_at=None, snoozed_until__lte=now)
    done = 0
    for episode in list(over.select_related("client", "connection", "token")):
        with transaction.atomic():
            if AlertEpisode.objects.filter(pk=episode.pk, told_at=None, closed_at=None).update(told_at=now):
                tell(episode, episode.kind, now=now, is_play=_is_play(episode))
                done += 1
    return done


def _is_play(episode: AlertEpisode) -> bool:
    connection = episode.connection
    return connection is not None and (connection.is_sandbox or connection.is_demo)


def tell(episode: AlertEpisode, kind: str, *, now: datetime, is_play: bool) -> None:
    """Say something of a trouble to everyone whom it concerns, from `emails/<kind>.txt`."""
    connection = episode.connection
    context = {
        **episode.facts,
        "connection": connection,
        "token": episode.token,
        "subject": episode.subject,
        "client": episode.client,
        "environment": connection.environment if connection else None,
        "episode": episode,
        "words": kind_of(episode.kind).words,
        "kind": episode.kind,
        "url": page_url(str(episode.facts.get("path") or (f"/connections/{connection.slug}/" if connection else "/"))),
    }
    announce(episode.client, kind, context, key=str(episode.pk), now=now, is_play=is_play)


def needs_reconnecting(connection: Connection, *, code: str, now: datetime) -> AlertEpisode | None:
    """Open the trouble and mail its link once; None while the same trouble is open."""
    return begin(Subject.of(connection), AlertEpisode.Kind.NEEDS_RECONNECTING, code=code, now=now)


def failing(connection: Connection, *, code: str, now: datetime, failed: int) -> AlertEpisode | None:
    """Open the trouble of many failed calls and mail it once; None while it is open."""
    return begin(Subject.of(connection), AlertEpisode.Kind.FAILING, code=code, now=now, facts={"failed": failed})


def recovered(connection: Connection, *, now: datetime, kinds: Iterable[str] = AlertEpisode.Kind.values) -> int:
    """Close the open troubles of these kinds and mail that they are over; return how many."""
    return end(about_connection(connection), kinds=kinds, now=now)
