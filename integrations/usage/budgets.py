"""Budgets: what a client or a connection may cost in a month, who is told, and what stops.

The gateway asks no budget. A connection that must stop carries when it may go on (`spend_stopped_until`), which is a
column of the gateway's one query: so a stop holds from the next call on in every process. It is set right after a
batch of the call log is written. What goes on until then, calls under way and those of the last moments, is spent all
the same: a budget is passed by at most that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, Sum

from integrations import alerts
from integrations.errors import IntegrationError
from integrations.models import Budget, Connection, SpendDay
from integrations.models.usage import NANO
from integrations.providers.registry import get_provider
from secrets_vault import audit, generation
from secrets_vault.actor import SYSTEM

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from integrations.call_log.record import CallRecord
    from secrets_vault.actor import Actor
    from secrets_vault.models import Client

logger = logging.getLogger(__name__)


class Month(NamedTuple):
    """A calendar month of UTC: its first day, and the first of the next one."""

    first: date
    after: date

    @property
    def ends_at(self) -> datetime:
        """Return when the next one begins."""
        return datetime.combine(self.after, time(), UTC)


def month_of(now: datetime) -> Month:
    """Return the month of a moment."""
    first = now.astimezone(UTC).date().replace(day=1)
    return Month(first, first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1))


def spent_nano(budget: Budget, *, now: datetime) -> int:
    """Return what a budget's connections have cost in this month so far."""
    month = month_of(now)
    days = SpendDay.objects.filter(client_id=budget.client_id, day__gte=month.first, day__lt=month.after)
    if budget.connection_id is not None:
        days = days.filter(connection_id=budget.connection_id)
    return days.aggregate(nano=Sum("cost_nano"))["nano"] or 0


def look(client_ids: Iterable[UUID], *, now: datetime) -> int:
    """Tell and stop what these clients' budgets ask for, and let go on what none of them stops any more.

    Returns how many connections were stopped or let go. Any number of processes may look at once.
    """
    changed = 0
    by_client: dict[UUID, list[Budget]] = {pk: [] for pk in client_ids}
    for budget in Budget.objects.filter(client_id__in=list(by_client)).select_related("client", "connection"):
        by_client[budget.client_id].append(budget)
    for client_id, budgets in by_client.items():
        reached = [budget for budget in budgets if _is_reached(budget, now=now)]
        changed += _settle(client_id, reached, now=now)
    return changed


def after_batch(records: Sequence[CallRecord]) -> None:
    """Look at the clients whose calls said what they used. The batch is written: no trouble may come out of here.

    What fails here the sweep makes good within a minute.
    """
    clients = {record.client_id for record in records if record.answer_ends is not None}
    if not clients:
        return
    try:
        look(clients, now=datetime.now(UTC))
    except (
        Exception
    ):  # whatever it is: the thread that writes the log must go on, and the batch must not be written twice
        logger.exception("budgets not looked at, trying again with the next batch")


def sweep(now: datetime) -> int:
    """Look at every client with a budget or a stop: a process may have died between a batch and its look."""
    stopped = Connection.objects.filter(spend_stopped_until__gt=now).values_list("client_id", flat=True)
    return look({*Budget.objects.values_list("client_id", flat=True), *stopped}, now=now)


def _is_reached(budget: Budget, *, now: datetime) -> bool:
    """Tell whether calls must stop, and tell people what is new."""
    spent, first = spent_nano(budget, now=now), month_of(now).first
    is_over = budget.stop_nano is not None and spent >= budget.stop_nano
    is_near = budget.warn_nano is not None and spent >= budget.warn_nano
    if is_over:
        _tell_once(budget, "stopped_on", "budget_reached", first, spent=spent, now=now)
    elif is_near:
        _tell_once(budget, "warned_on", "budget_near", first, spent=spent, now=now)
    return is_over


def _tell_once(budget: Budget, column: str, kind: str, first: date, *, spent: int, now: datetime) -> None:
    """Say it to everybody who manages the client, once a month, whichever process is first."""
    with transaction.atomic():
        unsaid = Budget.objects.filter(Q(**{f"{column}__lt": first}) | Q(**{column: None}), pk=budget.pk)
        if not unsaid.update(**{column: first}):
            return
        context: dict[str, object] = {
            "client": budget.client,
            "connection": budget.connection,
            "spent": dollars(spent),
            "stop": dollars(budget.stop_nano) if budget.stop_nano is not None else "",
            "month": first,
            "url": alerts.page_url(page_of(budget)),
        }
        alerts.announce(budget.client, kind, context, key=f"{budget.pk}:{first}", now=now)


def page_of(budget: Budget) -> str:
    """Return the path of the page that shows a budget."""
    if budget.connection is not None:
        return f"/limits/{budget.connection.slug}/"
    return f"/usage/{budget.client.slug}/"


def _settle(client_id: UUID, reached: list[Budget], *, now: datetime) -> int:
    """Let a client's connections be stopped exactly where a budget asks for it."""
    until = month_of(now).ends_at
    mine = Connection.objects.filter(client_id=client_id)
    is_whole = any(budget.connection_id is None for budget in reached)
    named = {budget.connection_id for budget in reached}
    ending = _costing(mine) if is_whole else named
    with transaction.atomic():
        stopped = mine.filter(pk__in=ending).exclude(spend_stopped_until=until).update(spend_stopped_until=until)
        going_on = mine.exclude(pk__in=ending).exclude(spend_stopped_until=None)
        freed = going_on.update(spend_stopped_until=None)
        if stopped + freed:
            action = "budget.stopped" if stopped else "budget.let_go"
            audit.record(action, actor=SYSTEM, client=client_id, details={"connections": stopped or freed})
            generation.bump()
    return stopped + freed


def _costing(connections: QuerySet[Connection]) -> set[UUID]:
    """Return those whose provider says what calls use: a budget of a client stops its models, not its CRM."""
    return {pk for pk, key in connections.values_list("pk", "provider_key") if is_metered(key)}


def is_metered(provider_key: str) -> bool:
    """Tell whether the answers of a provider say what calls use."""
    try:
        return bool(get_provider(provider_key).metering)
    except IntegrationError:  # its description is gone
        return False


def dollars(nano: int, places: int = 2) -> str:
    """Return an amount as people read it: 12.34, rounded up where something would become nothing."""
    unit = NANO // 10**places
    whole = -(-nano // unit) if 0 < nano < unit else (nano + unit // 2) // unit
    return f"{whole // 10**places:,}.{whole % 10**places:0{places}d}"


def set_budget(
    client: Client,
    connection: Connection | None,
    *,
    warn_nano: int | None,
    stop_nano: int | None,
    actor: Actor,
    now: datetime,
) -> Budget | None:
    """Set what a client or one of its connections may cost in a month; neither amount ends the budget.

    It holds at once, also for what this month has cost so far, and what is passed is told anew.
    """
    with transaction.atomic():
        mine = Budget.objects.filter(client=client, connection=connection)
        was = mine.select_for_update().first()
        said = {"warn": _said(warn_nano), "stop": _said(stop_nano)}
        details = {"connection": connection.slug if connection else "", **said}
        budget = None
        if warn_nano is not None or stop_nano is not None:
            amounts = {"warn_nano": warn_nano, "stop_nano": stop_nano, "warned_on": None, "stopped_on": None}
            budget, _is_new = Budget.objects.update_or_create(client=client, connection=connection, defaults=amounts)
            audit.record("budget.set", actor=actor, client=client, subject=budget, details=details)
        elif was is not None:
            mine.delete()
            audit.record("budget.removed", actor=actor, client=client, details=details)
    look([client.pk], now=now)
    return budget


def _said(nano: int | None) -> str:
    return "" if nano is None else dollars(nano)
