"""What models have cost this month, and how that stands to the budgets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Sum
from django.utils.formats import number_format

from integrations.models import Budget, SpendDay
from integrations.usage.budgets import dollars, month_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

COUNTS = (
    "calls", "unpriced_calls", "untold_calls", "input_tokens", "cached_tokens", "written_tokens", "output_tokens",
    "cost_nano",
)  # fmt: skip
MOST_SHOWN = 50


def said_dollars(nano: int, places: int = 2) -> str:
    """Return an amount as the viewer's language writes it."""
    return number_format(dollars(nano, places).replace(",", ""), places, force_grouping=True)


@dataclass(frozen=True)
class ModelUse:
    """One model in this month."""

    model: str
    calls: int
    unpriced_calls: int
    untold_calls: int
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    cost_nano: int

    @property
    def dollars(self) -> str:
        """Return what it cost."""
        return said_dollars(self.cost_nano, 4 if self.cost_nano < 10**9 else 2)


@dataclass(frozen=True)
class BudgetState:
    """A budget and what was spent of it."""

    budget: Budget
    spent_nano: int

    @property
    def spent(self) -> str:
        """Return the amount spent."""
        return said_dollars(self.spent_nano)

    @property
    def most(self) -> int:
        """Return the limit that the gauge is drawn to."""
        return self.budget.stop_nano or self.budget.warn_nano or 1

    @property
    def limit(self) -> str:
        """Return that limit as dollars."""
        return said_dollars(self.most)

    @property
    def used_percent(self) -> float:
        """Return how much of it is spent."""
        return 100 * self.spent_nano / self.most

    @property
    def mark_percent(self) -> int | None:
        """Return where the warning stands on the gauge."""
        if self.budget.warn_nano is None or self.budget.stop_nano is None:
            return None
        return min(100, round(100 * self.budget.warn_nano / self.budget.stop_nano))

    @property
    def is_over(self) -> bool:
        """Tell whether calls stop."""
        return self.budget.stop_nano is not None and self.spent_nano >= self.budget.stop_nano


@dataclass(frozen=True)
class Spend:
    """A connection's month."""

    models: list[ModelUse] = field(default_factory=list)
    forecast_nano: int | None = None

    @property
    def cost_nano(self) -> int:
        """Return what all models cost."""
        return sum(model.cost_nano for model in self.models)

    @property
    def dollars(self) -> str:
        """Return that as dollars."""
        return said_dollars(self.cost_nano)

    @property
    def forecast(self) -> str:
        """Return what the month will have cost at this pace, "" where that cannot be said."""
        return "" if self.forecast_nano is None else said_dollars(self.forecast_nano)

    @property
    def unpriced_calls(self) -> int:
        """Return the calls whose model has no known price."""
        return sum(model.unpriced_calls for model in self.models)

    @property
    def untold_calls(self) -> int:
        """Return the calls whose answers did not say what they used."""
        return sum(model.untold_calls for model in self.models)


def spend_of(connection_id: UUID, *, now: datetime) -> Spend:
    """Return what a connection's models have cost this month, in one query."""
    return _summed(SpendDay.objects.filter(connection_id=connection_id), now=now)


def _summed(days: QuerySet[SpendDay], *, now: datetime) -> Spend:
    month = month_of(now)
    rows = days.filter(day__gte=month.first, day__lt=month.after).order_by()
    sums = rows.values_list("model").annotate(*map(Sum, COUNTS))
    models = sorted((ModelUse(*row) for row in sums), key=lambda model: (-model.cost_nano, -model.calls, model.model))
    total = sum(model.cost_nano for model in models)
    return Spend(models[:MOST_SHOWN], _at_this_pace(total, now=now))


def spend_of_client(client_id: UUID, *, now: datetime) -> Spend:
    """Return what all models of a client have cost this month, in one query."""
    return _summed(SpendDay.objects.filter(client_id=client_id), now=now)


def _at_this_pace(nano: int, *, now: datetime) -> int | None:
    """Return the month's whole cost by a straight line; None in its first two days, which say little of the rest."""
    month = month_of(now)
    begun = month.ends_at - timedelta(days=(month.after - month.first).days)
    passed = now - begun
    if passed < timedelta(days=2) or not nano:
        return None
    return int(nano * ((month.ends_at - begun) / passed))


def states_of(budgets: Iterable[Budget], *, now: datetime) -> list[BudgetState]:
    """Return how budgets of one client stand, in one query."""
    found = list(budgets)
    if not found:
        return []
    month = month_of(now)
    days = SpendDay.objects.filter(client_id=found[0].client_id, day__gte=month.first, day__lt=month.after)
    spent = dict(days.order_by().values_list("connection_id").annotate(Sum("cost_nano")))
    return [
        BudgetState(budget, sum(spent.values()) if budget.connection_id is None else spent.get(budget.connection_id, 0))
        for budget in found
    ]
