"""Quotas that a provider tells at an address of their own: asked now and then, for connections that are in use."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from integrations import outbound
from integrations.connections.probing import asked_as
from integrations.errors import IntegrationError
from integrations.models import CallMinute, Connection, LimitReading
from integrations.oauth.answers import dig
from integrations.oauth.keeping import provider_of
from integrations.providers.parts import Probe
from integrations.providers.registry import all_providers

if TYPE_CHECKING:
    from uuid import UUID

    from integrations.oauth.session import Send
    from integrations.providers.shape import Provider
    from integrations.providers.usage_facts import UsageEndpoint

logger = logging.getLogger(__name__)

IN_USE = timedelta(hours=1)
EVERY = timedelta(hours=1)
NEAR_EVERY = timedelta(minutes=10)  # past the slow-down line
SWEEP_S = 60.0
MOST = 2**62
USAGE = LimitReading.Source.USAGE


def ask_due(*, now: datetime, send: Send = outbound.send) -> int:
    """Ask for the connections that were called within the hour; return how many readings were written.

    Once an hour, and every ten minutes past the slow-down line; of connections to one account only one is asked.
    """
    written, began = 0, time.monotonic()
    for together in _due(now=now):
        if time.monotonic() - began > SWEEP_S:
            break
        reading = _asked(together[0], now=now, send=send)
        if reading is not None:
            written += _keep(together, reading)
    return written


def _due(*, now: datetime) -> Iterator[list[Connection]]:
    """Yield the connections to ask for, those to one account together."""
    offering = {provider.key for provider in all_providers() if provider.usage}
    used = CallMinute.objects.filter(minute__gt=now - IN_USE).order_by().values_list("connection_id", flat=True)
    rows = Connection.objects.filter(
        pk__in=list(used.distinct()), provider_key__in=offering, status=Connection.Status.CONNECTED,
        client__archived_at=None,
    )  # fmt: skip
    groups: dict[tuple[str, str], list[Connection]] = {}
    for row in rows.select_related("client", "environment", "secret").order_by("pk"):
        usage = provider_of(row).usage
        if usage is not None and (not usage.kinds or row.kind in usage.kinds):
            groups.setdefault((row.provider_key, row.account_id or str(row.pk)), []).append(row)
    for together in groups.values():
        if _is_due(together, now=now):
            yield together


def _is_due(together: list[Connection], *, now: datetime) -> bool:
    """Tell whether the newest reading of an account is old enough to ask again."""
    rows = LimitReading.objects.filter(connection_id__in=[row.pk for row in together], source=USAGE)
    newest = rows.order_by("-read_at").first()
    if newest is None:
        return True
    line = min(row.slow_down_percent for row in together)
    is_near = bool(newest.limit) and 100 * (1 - (newest.remaining or 0) / newest.limit) >= line
    return newest.read_at <= now - (NEAR_EVERY if is_near else EVERY)


def _asked(row: Connection, *, now: datetime, send: Send) -> LimitReading | None:
    """Return what the provider says, None where it says nothing that can be read."""
    provider = provider_of(row)
    usage = provider.usage
    if usage is None:
        return None
    try:
        answer = asked_as(row, _as_probe(provider, usage), now=now, send=send)
    except IntegrationError as error:
        logger.info("a quota could not be asked for", extra={"connection": str(row.pk), "code": error.code})
        return None
    return reading_in(answer.json(), usage, now=now) if answer.status == 200 else None


def _as_probe(provider: Provider, usage: UsageEndpoint) -> Provider:
    """Return the provider with this call in place of the one that tries a credential: same host, same places."""
    return replace(provider, probe=Probe("GET", usage.path))


def reading_in(document: Any, usage: UsageEndpoint, *, now: datetime) -> LimitReading | None:
    """Return the quota that an answer tells, by the facts; not saved, and of no connection yet."""
    for item in _items(document, usage):
        used, limit = dig(item, usage.used), dig(item, usage.limit)
        if _is_count(used) and _is_count(limit) and limit > 0:
            ends = _moment(dig(item, usage.resets_at)) if usage.resets_at else None
            told = _moment(dig(item, usage.as_of)) if usage.as_of else None
            is_ahead = ends is not None and now < ends <= now + timedelta(seconds=usage.window_s)
            return LimitReading(
                bucket=usage.bucket,
                limit=limit,
                remaining=max(0, limit - used),
                window_s=usage.window_s,
                resets_at=ends if is_ahead else None,
                read_at=told if told is not None and now - EVERY < told <= now else now,
                source=USAGE,
            )
    return None


def _items(document: Any, usage: UsageEndpoint) -> Iterator[Mapping[str, Any]]:
    found = dig(document, usage.items) if usage.items else [document]
    for item in found if isinstance(found, list) else []:
        if isinstance(item, Mapping) and (not usage.where or dig(item, usage.where[0]) == usage.where[1]):
            yield item


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _moment(text: Any) -> datetime | None:
    """Return a time that says its zone; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def _keep(together: list[Connection], reading: LimitReading) -> int:
    """Write the reading down for each connection to the account."""
    fields = ("limit", "remaining", "window_s", "resets_at", "read_at", "source")
    values = {name: getattr(reading, name) for name in fields}
    for row in together:
        whose: dict[str, UUID] = {"client_id": row.client_id}
        LimitReading.objects.update_or_create(connection_id=row.pk, bucket=reading.bucket, defaults={**values, **whose})
    return len(together)
