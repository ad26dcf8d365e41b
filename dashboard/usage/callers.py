"""Who used it: each gateway token's share of a window, and what a fair cap for it would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _

from dashboard.usage.history import Column, counts_of
from integrations.models import CallMinute, GatewayToken
from integrations.models.call import NO_TOKEN

if TYPE_CHECKING:
    from secrets_vault.models import User

MOST_SHOWN = 20
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class CallerUse:
    """One token's calls in a window. `proposed` is a cap for it, None where there is nothing to cap."""

    name: str
    calls: int
    failed: int
    limited: int
    percent: float
    token: GatewayToken | None = None
    proposed: int | None = None


def callers_of(
    connection_id: UUID, name: str, user: User, *, columns: Sequence[Column], now: datetime
) -> list[CallerUse]:
    """Return who called most in a window, in three queries. The connection was already found visible."""
    rows = counts_of([connection_id], name, columns=columns).values_list("token_id")
    sums = sorted(rows.annotate(Sum("calls"), Sum("failed"), Sum("limited")), key=lambda row: -row[1])
    total = sum(row[1] for row in sums) or 1
    shown = sums[:MOST_SHOWN]
    tokens = GatewayToken.objects.visible_to(user).in_bulk({row[0] for row in shown} - {NO_TOKEN})
    paces = _busiest_minutes(connection_id, now=now)
    return [
        CallerUse(
            name=_named(token_id, tokens.get(token_id)),
            calls=calls,
            failed=failed,
            limited=limited,
            percent=100 * calls / total,
            token=tokens.get(token_id),
            proposed=_proposed(tokens.get(token_id), paces.get(token_id, 0)),
        )
        for token_id, calls, failed, limited in shown
    ]


def _named(token_id: UUID, token: GatewayToken | None) -> str:
    if token is not None:
        return token.name
    return _("no token") if token_id == NO_TOKEN else _("a token that is gone")


def _busiest_minutes(connection_id: UUID, *, now: datetime) -> dict[UUID, int]:
    """Return the most calls that each token made in a minute of the last hour."""
    rows = CallMinute.objects.filter(connection_id=connection_id, minute__gt=now - HOUR).order_by()
    busiest: dict[UUID, int] = {}
    for token_id, calls in rows.values_list("token_id", "calls"):
        busiest[token_id] = max(calls, busiest.get(token_id, 0))
    return busiest


def _proposed(token: GatewayToken | None, busiest: int) -> int | None:
    """Return half of the busiest minute, where that is less than the token may do now."""
    if token is None or token.revoked_at is not None or busiest < 2:
        return None
    half = busiest // 2
    return half if token.per_minute is None or half < token.per_minute else None
