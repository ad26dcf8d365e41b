"""Who calls a connection: what would stop if it changed. Counted by the hour; what programs they are, by the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, Sum
from django.utils.translation import gettext as _

from dashboard.day import HOURS, Hours, first_hour
from integrations.models import Call, CallHour, Connection, GatewayToken
from integrations.models.call import NO_TOKEN
from secrets_vault.ids import id_at

DAYS = 7
LOOKED_AT = 500
MOST_PROGRAMS = 4


@dataclass(frozen=True)
class Caller:
    """One gateway token's calls through one connection in the last seven days; `token` None: test calls."""

    token: GatewayToken | None
    calls: int
    failed: int
    seen_at: datetime | None
    a_day: int
    programs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return what to call it."""
        return self.token.name if self.token else _("Test calls from this page")


def callers_of(connection: Connection, tokens: Sequence[GatewayToken], *, now: datetime) -> list[Caller]:
    """Return everybody who called in the last seven days, the busiest first, in two queries."""
    since = now - timedelta(days=DAYS)
    rows = CallHour.objects.filter(connection_id=connection.pk, hour__gte=since).order_by()
    counted = rows.values("token_id").annotate(n=Sum("calls"), bad=Sum("failed"), first=Min("hour"), last=Max("hour"))
    by_id = {token.pk: token for token in tokens}
    found = [_caller(by_id.get(row["token_id"]), row, now=now) for row in counted if _is_known(row, by_id)]
    programs = _programs_of(connection, since=since) if found else {}
    told = [replace(each, programs=programs.get(each.token.pk if each.token else None, ())) for each in found]
    return sorted(told, key=lambda caller: -caller.calls)


def _programs_of(connection: Connection, *, since: datetime) -> dict[UUID | None, tuple[str, ...]]:
    """Return by token what the programs of the newest calls name themselves, and whose JWT they showed."""
    rows = Call.objects.filter(connection_id=connection.pk, pk__gte=id_at(since)).order_by("-pk")
    said: dict[UUID | None, dict[str, None]] = {}
    for token_id, agent, subject in rows.values_list("token_id", "agent", "jwt_subject")[:LOOKED_AT]:
        names = said.setdefault(token_id, {})
        signed = _("JWT of {subject}").format(subject=subject) if subject else ""
        if (name := " · ".join(filter(None, (agent, signed)))) and len(names) < MOST_PROGRAMS:
            names[name] = None
    return {token_id: tuple(names) for token_id, names in said.items()}


def _is_known(row: Mapping[str, Any], by_id: Mapping[Any, GatewayToken]) -> bool:
    return row["token_id"] == NO_TOKEN or row["token_id"] in by_id


def _caller(token: GatewayToken | None, row: Mapping[str, Any], *, now: datetime) -> Caller:
    days = max(1.0, (now - row["first"]).total_seconds() / 86_400)
    ends_at = row["last"] + timedelta(hours=1)
    used_at = token.last_used_at if token else None
    # A token may have been used on another connection since: only a use within the last counted hour is exact.
    seen_at = used_at if used_at and row["last"] <= used_at < ends_at else min(now, ends_at)
    return Caller(token, row["n"], row["bad"], seen_at, max(1, round(row["n"] / days)))


def day_of_connection(connection: Connection, *, now: datetime) -> Hours:
    """Return (calls, failed) of each of the last 24 hours, in one query."""
    since = first_hour(now)
    found: Hours = [(0, 0)] * HOURS
    rows = CallHour.objects.filter(connection_id=connection.pk, hour__gte=since, hour__lte=now).order_by()
    for hour, calls, failed in rows.values_list("hour").annotate(Sum("calls"), Sum("failed")):
        found[min(HOURS - 1, int((hour - since).total_seconds() // 3600))] = (calls, failed)
    return found
