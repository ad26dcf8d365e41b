"""Providers that do not answer: told once when one has stayed so for half a minute, and once when it is over.

One message names all connections that a person may see, not one for each: a provider with twelve clients is one
trouble.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from integrations import outages
from integrations.alerts.routes.noting import note
from integrations.alerts.saying import is_play_of, page_url, recipients, tell
from integrations.models import Connection, Outage

NAMED = 20  # connections that one mail lists
LASTS = timedelta(seconds=30)
STAYS_OVER = timedelta(minutes=1)
KEPT = timedelta(days=7)


def look(now: datetime) -> int:
    """Tell of what began and of what is over, and forget what has long been told; return how many changed."""
    begun = Outage.objects.filter(is_open=True, told_at=None, opened_at__lte=now - LASTS)
    over = Outage.objects.filter(is_open=False, told_at__isnull=False, closed_at__lte=now - STAYS_OVER)
    done = sum(_told(outage, "upstream_down", told_at=now, now=now) for outage in list(begun))
    done += sum(_told(outage, "upstream_back", told_at=None, now=now) for outage in list(over))
    Outage.objects.filter(is_open=False, told_at=None, closed_at__lte=now - KEPT).delete()
    return done


def _told(outage: Outage, kind: str, *, told_at: datetime | None, now: datetime) -> int:
    with transaction.atomic():
        # Compared with what was read: another worker may tell of it, and the outage may have turned in between.
        same = Outage.objects.filter(pk=outage.pk, told_at=outage.told_at, is_open=outage.is_open)
        if not same.update(told_at=told_at):
            return 0
        _tell(outage, kind, now=now)
    return 1


def _tell(outage: Outage, kind: str, *, now: datetime) -> None:
    hit = outages.hit_by(outage)
    clients = {connection.client_id: connection.client for connection in hit}
    is_play = bool(hit) and all(is_play_of(client) for client in clients.values())
    key = f"{outage.pk}:{outage.opened_at.isoformat()}"
    for user in {user.pk: user for client in clients.values() for user in recipients(client)}.values():
        seen = set(Connection.objects.visible_to(user).filter(pk__in=[each.pk for each in hit]).values_list("pk"))
        theirs = [connection for connection in hit if (connection.pk,) in seen]
        tell(user, kind, _about(outage, theirs), key=key, client=None, now=now, is_play=is_play)
    if not is_play:
        note(None, kind, _about(outage, hit), key=key, now=now)  # the agency's own routes hear of all, and once
        for pk, client in clients.items():
            theirs = [connection for connection in hit if connection.client_id == pk]
            note(client, kind, _about(outage, theirs), key=key, now=now)


def _about(outage: Outage, connections: list[Connection]) -> dict[str, object]:
    first = connections[0] if connections else None
    return {
        "host": outage.host,
        "opened_at": outage.opened_at,
        "closed_at": outage.closed_at,
        "reason": outage.get_reason_display,
        "connections": connections[:NAMED],
        "more": max(0, len(connections) - NAMED),
        "url": page_url(f"/connections/{first.slug}/" if first else "/"),
        "kind": "upstream_down",
    }
