"""Puts an alert on the way by every route that asks for it.

Nothing is sent here: a row is written, in the transaction of what it tells of.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import override

from integrations.alerts.hours import end_of_quiet, zone_of
from integrations.alerts.kinds import URGENT, is_at_least, kind_of
from integrations.alerts.saying import compose, one_line
from integrations.models import AlertDelivery, AlertRoute
from secrets_vault.masking import mask_text
from secrets_vault.models import Client
from secrets_vault.people.language import code_of

PACE = timedelta(hours=1)
MOST_AN_HOUR = 30
SINKS = (AlertRoute.Channel.SHEETS, AlertRoute.Channel.AIRTABLE)


def note(client: Client | None, kind: str, context: Mapping[str, object], *, key: str, now: datetime) -> int:
    """Put an alert of a client on its way by the routes that ask for it; return how many."""
    if not kind_of(kind).goes_by_routes:
        return 0
    # What an end is the end of decides who hears of it: who heard that a trouble began hears that it is over.
    heard = str(context.get("kind") or kind)
    texts: dict[str, tuple[str, str]] = {}
    noted = 0
    for route in routes_for(client, heard):
        if route.language not in texts:
            with override(code_of(route.language)):
                texts[route.language] = compose(kind, dict(context))
        subject, body = texts[route.language]
        url = str(context.get("url") or "")
        noted += put(route, kind, key=f"{kind}:{key}", subject=subject, body=body, url=url, client=client, now=now)
    return noted


def routes_for(client: Client | None, kind: str) -> list[AlertRoute]:
    """Return the routes that ask for this kind of alert of a client. Sinks take errors alone (`errors.py`)."""
    whose = Q(client=None) | Q(client=client) if client is not None else Q(client=None)
    rows = AlertRoute.objects.filter(whose, is_paused=False).exclude(channel__in=SINKS)
    severity = kind_of(kind).severity
    return [row for row in rows if is_at_least(severity, row.least) and (not row.kinds or kind in row.kinds)]


def put(
    route: AlertRoute,
    kind: str,
    *,
    key: str,
    subject: str,
    body: str,
    url: str,
    client: Client | None,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
) -> int:
    """Put one alert on its way by a route, once for each `key`; return 1 if it is new. Its text is masked here."""
    held_until = _held_until(route, kind, now=now)
    try:
        with transaction.atomic():
            AlertDelivery.objects.create(
                route=route,
                client=client,
                dedupe_key=key[:200],
                kind=kind,
                severity=kind_of(kind).severity,
                subject=one_line(str(mask_text(subject))),
                body=str(mask_text(body)),
                url=url[:300],
                facts={name: _masked(value) for name, value in (facts or {}).items()},
                state=AlertDelivery.State.HELD if held_until else AlertDelivery.State.WAITING,
                created_at=now,
                due_at=held_until or now,
            )
    except IntegrityError:
        return 0
    return 1


def _masked(value: Any) -> Any:
    return str(mask_text(value)) if isinstance(value, str) else value


def _held_until(route: AlertRoute, kind: str, *, now: datetime) -> datetime | None:
    """Return until when it waits for a summary: the end of quiet hours, or of an hour in which much went out."""
    if route.channel in SINKS:  # a table has no ears
        return None
    if not (kind_of(kind).severity == URGENT and route.lets_urgent_pass):
        zone = zone_of(route.time_zone)
        if until := end_of_quiet(now, begins=route.quiet_from, ends=route.quiet_to, zone=zone):
            return until
    lately = AlertDelivery.objects.filter(route=route, created_at__range=(now - PACE, now))
    out = lately.filter(state__in=[AlertDelivery.State.WAITING, AlertDelivery.State.SENT])
    return now + PACE if out.count() >= MOST_AN_HOUR else None
