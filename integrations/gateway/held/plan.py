"""What sending many calls again would be, before anybody says yes: how many, whose, how long at the known limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.gateway.held.runs import MOST
from integrations.models import CallHour, GatewayToken, HeldCall, LimitReading
from integrations.models.held import OPEN_STATES
from integrations.states import is_one_of
from secrets_vault.access import VisibleQuerySet

ASSUMED_S = 0.3
"""What a call takes where nothing is known of the connection's calls of late."""
LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Limit:
    """One quota: so many calls in so many seconds, and how many of this window are left."""

    calls: int
    window_s: int
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent. `has_limits`: at least one of the limits is known."""

    calls: int
    clients: int
    connections: int
    about_s: int
    has_limits: bool
    unclear: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        calls = ngettext("{count} call", "{count} calls", self.calls).format(count=self.calls)
        clients = ngettext("{count} client", "{count} clients", self.clients).format(count=self.clients)
        said = (
            _("{calls}, {clients}, about {time} at your limits")
            if self.has_limits
            else _("{calls}, {clients}, about {time}")
        )
        return said.format(calls=calls, clients=clients, time=_time(self.about_s))


def _time(seconds: int) -> str:
    if seconds < 120:
        return _("{n} s").format(n=seconds)
    return _("{n} min").format(n=round(seconds / 60)) if seconds < 7200 else _("{n} h").format(n=round(seconds / 3600))


def plan(rows: VisibleQuerySet, *, now: datetime) -> Plan:
    """Return what would be sent of these calls. Nothing is changed."""
    columns = ("client_id", "connection_id", "token_id", "state")
    chosen = rows.filter(is_one_of(OPEN_STATES)).exclude(state=HeldCall.State.SENDING)
    found = list(chosen.order_by("id").values_list(*columns)[: MOST + 1])
    taken = found[:MOST]
    by_lane: dict[UUID, Counter[UUID]] = {}
    for _client, connection, token, _state in taken:
        by_lane.setdefault(connection, Counter())[token] += 1
    limits, takes_s, gaps_s = limits_of(by_lane, now=now), seconds_of(by_lane, now=now), _gaps(taken)
    times = [
        lane_s(
            tokens.total(), limits.get(lane, ()), takes_s=takes_s.get(lane, ASSUMED_S), least_s=_spread(tokens, gaps_s)
        )
        for lane, tokens in by_lane.items()
    ]
    return Plan(
        calls=len(taken),
        clients=len({row[0] for row in taken}),
        connections=len(by_lane),
        about_s=ceil(max(times, default=0)),
        has_limits=bool(limits),
        unclear=sum(row[3] == HeldCall.State.NEEDS_DECISION for row in taken),
        left_out=len(found) - len(taken),
    )


def lane_s(calls: int, limits: Sequence[Limit], *, takes_s: float, least_s: float = 0.0) -> float:
    """Return how long a lane takes for so many calls, one behind the other, within each of its limits."""
    waits = [_wait_s(calls, limit) for limit in limits]
    return max(calls * takes_s, least_s, *waits) if waits else max(calls * takes_s, least_s)


def _wait_s(calls: int, limit: Limit) -> float:
    left = limit.calls if limit.left is None else limit.left
    over = max(0, calls - left)
    return ceil(over / limit.calls) * limit.window_s


def limits_of(lanes: Sequence[UUID] | dict[UUID, Counter[UUID]], *, now: datetime) -> dict[UUID, list[Limit]]:
    """Return the newest reading of each quota of these connections, where it says a size and a window."""
    found: dict[UUID, list[Limit]] = {}
    rows = LimitReading.objects.filter(connection_id__in=list(lanes), limit__gt=0, window_s__gt=0)
    for row in rows:
        is_current = row.resets_at is not None and row.resets_at > now
        left = row.remaining if is_current else None
        found.setdefault(row.connection_id, []).append(Limit(row.limit, row.window_s, left))
    return found


def seconds_of(lanes: Sequence[UUID] | dict[UUID, Counter[UUID]], *, now: datetime) -> dict[UUID, float]:
    """Return how long a call of these connections took on average of late."""
    rows = CallHour.objects.filter(connection_id__in=list(lanes), hour__gt=now - LATELY).order_by()
    sums = rows.values_list("connection_id").annotate(ms=Sum("total_ms"), n=Sum("calls"))
    return {connection: ms / n / 1000 for connection, ms, n in sums if n}


def _gaps(taken: Sequence[tuple[UUID, UUID, UUID, str]]) -> dict[UUID, float]:
    tokens = GatewayToken.objects.filter(pk__in={row[2] for row in taken}, min_gap_s__isnull=False)
    return dict(tokens.values_list("pk", "min_gap_s"))


def _spread(tokens: Counter[UUID], gaps_s: dict[UUID, float]) -> float:
    return max((count * gaps_s.get(token, 0.0) for token, count in tokens.items()), default=0.0)
