"""Today: the morning's work queue, and how every client is doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.day import Hours, day_and_hours
from dashboard.due import light_board
from dashboard.first_steps import first_steps
from dashboard.health import Health, error_counts, health_of
from dashboard.light import SeenClient, seen_clients
from dashboard.need import url_of
from dashboard.needs import needs_of
from dashboard.render import PageRequest, render_page
from dashboard.tightest import least_left, tightest
from dashboard.waiting_needs import waiting_lanes
from dashboard.words import STATUS_TONES
from integrations.models import Connection
from secrets_vault import rotation

if TYPE_CHECKING:
    from django.http import HttpResponse

    from secrets_vault.models import User
    from secrets_vault.rotation import BoardRow

SHOWN_CLIENTS = 20
SHOWN_NEEDS = 10


@dataclass(frozen=True)
class ClientRow:
    """One client as Today shows it."""

    client: SeenClient
    health: Health
    hours: Hours
    left_percent: float | None
    next_due: rotation.Due | None


@login_required
def today(request: PageRequest) -> HttpResponse:
    """Show what needs this person, worst first, then the numbers and the clients by trouble."""
    user, now = request.user, timezone.now()
    clients = seen_clients(user)
    ids = [client.pk for client in clients]
    board = light_board(user, clients, timezone.localdate())
    limits = tightest(ids, now=now)
    lanes = waiting_lanes(user)
    needs = needs_of(user, ids, now=now, board=board, tight=limits, lanes=lanes)
    shown = len(needs) if request.GET.get("all") else SHOWN_NEEDS
    due_soon = [row for row in board if not row.due.snoozed_until and row.due.days_left <= 7]
    troubles = clients_by_trouble(clients, user, board, now=now)
    context = troubles | {
        "greeting": greeting(timezone.localtime(now)),
        "now": now,
        "needs": [waiting.words() for waiting in needs[:shown]],
        "need_count": len(needs),
        "snoozed_count": sum(1 for row in board if row.due.snoozed_until),
        "due_count": len(due_soon),
        "overdue_count": sum(1 for row in due_soon if row.due.days_left < 0),
        "limits": limits,
        "strip": [(row.due.on, f"{row.stored.label} · {row.stored.client or _('agency')}") for row in awake(board)],
        "steps": first_steps(user, ids, has_called=troubles["day"].call_count > 0),
        "sandbox_url": url_of("sandbox"),
    }
    open_waiting = sum(lane["open"] for lane in lanes)
    request.rail_counts = {"dashboard:errors": context["open_error_count"], "dashboard:waiting": open_waiting}
    return render_page(request, "dashboard/today.html", context)


def greeting(local: datetime) -> str:
    """Return the greeting for an hour of the day."""
    if local.hour < 5 or local.hour >= 22:
        return _("Good night")
    return _("Good morning") if local.hour < 12 else _("Good afternoon") if local.hour < 18 else _("Good evening")


def awake(board: Sequence[BoardRow]) -> list[BoardRow]:
    """Keep what is not snoozed and falls due within 30 days."""
    return [row for row in board if not row.due.snoozed_until and row.due.days_left <= 30]


def clients_by_trouble(
    clients: Sequence[SeenClient], user: User, board: Sequence[BoardRow], *, now: datetime
) -> dict[str, Any]:
    """Return the clients in most trouble first, the day of all, and how many clients, connections and healthy ones."""
    tones = tones_of(user)
    due = {row.stored.client_id: row.due for row in reversed(awake(board)) if row.stored.client_id}
    errors = error_counts(client.pk for client in clients)

    def trouble(client: SeenClient) -> tuple[int, int, int, int, str]:
        of, next_due = tones.get(client.pk, Counter()), due.get(client.pk)
        overdue = 1 if next_due and next_due.days_left < 0 else 0
        return -of["bad"], -overdue, -errors[client.pk], -of["warn"], client.name.lower()

    shown = sorted(clients, key=trouble)[:SHOWN_CLIENTS]
    day, hours = day_and_hours((client.pk for client in clients), [client.pk for client in shown], now=now)
    return {
        "day": day,
        "rows": _rows(shown, health_of(shown, user, errors=errors), hours, due, now=now),
        "open_error_count": sum(errors.values()),
        "client_count": len(clients),
        "connection_count": sum(sum(of.values()) for of in tones.values()),
        "healthy_count": sum(of["ok"] for of in tones.values()),
    }


def tones_of(user: User) -> dict[UUID, Counter[str]]:
    """Count each client's connections by tone, in one query."""
    rows = Connection.objects.visible_to(user).filter(client__archived_at=None).order_by()
    found: dict[UUID, Counter[str]] = {}
    for client_id, status, count in rows.values_list("client_id", "status").annotate(Count("pk")):
        found.setdefault(client_id, Counter())[STATUS_TONES.get(status, "")] += count
    return found


def _rows(
    clients: Sequence[SeenClient],
    health: Mapping[UUID, Health],
    hours: Mapping[UUID, Hours],
    due: Mapping[UUID, rotation.Due],
    *,
    now: datetime,
) -> list[ClientRow]:
    left = least_left([client.pk for client in clients], now=now)
    return [
        ClientRow(client, health[client.pk], hours[client.pk], left.get(client.pk), due.get(client.pk))
        for client in clients
    ]
