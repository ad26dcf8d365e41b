"""What the demo's calls add up to by minute, day and path, what its models cost, and two budgets."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from integrations.causes import path_template
from integrations.models import Budget, Call, CallDay, CallMinute, Connection, PathHour, SpendDay
from integrations.models.call import Outcome
from integrations.models.usage import NANO
from integrations.usage.prices import listed
from integrations.usage.rollups import DAY, KEEP_MINUTES, MINUTE, day_rows, minute_rows
from integrations.usage.used import Used
from secrets_vault.models import Client

if TYPE_CHECKING:
    from dashboard.demo_data.calls import Caller

BATCH = 2000
MODELS = ("gpt-5.4-mini", "gpt-5.4-mini", "gpt-5.4", "gpt-5-nano")
YEAR_DAYS = 364
BUDGETS = ((0, 2, 5), (1, None, 1))  # of which client, warn and stop in dollars

CallerKey = tuple[UUID, UUID, UUID]


@dataclass
class Use:
    """What was used, added up call by call."""

    moments: defaultdict[tuple[CallerKey, datetime], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0, 0, 0])
    )
    places: defaultdict[tuple[UUID, UUID, datetime, str, str], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0])
    )
    models: dict[tuple[UUID, UUID, str, date], SpendDay] = field(default_factory=dict)

    def add(self, call: Call, caller: Caller, dice: random.Random) -> None:
        """Count one call."""
        whose = caller.connection.pk, caller.client_id
        is_failed = call.group_id is not None
        counts = self.moments[(*whose, caller.token_id), call.at.replace(second=0, microsecond=0)]
        for place, count in enumerate((1, is_failed, call.outcome == Outcome.LIMITED, max(0, call.attempts - 1))):
            counts[place] += count
        hour = call.at.replace(minute=0, second=0, microsecond=0)
        place_counts = self.places[*whose, hour, call.method, path_template(call.path)]
        place_counts[0] += 1
        place_counts[1] += is_failed
        if caller.service.provider == "openai" and call.method == "POST" and not is_failed:
            self._spend(call, whose, dice)

    def _spend(self, call: Call, whose: tuple[UUID, UUID], dice: random.Random) -> None:
        model = dice.choice(MODELS)
        used = Used(model, input=dice.randint(800, 9000), cached=dice.randint(0, 4000), output=dice.randint(80, 1500))
        key = (*whose, model, call.at.astimezone(UTC).date())
        row = self.models.setdefault(key, SpendDay(connection_id=key[0], client_id=key[1], model=model, day=key[3]))
        row.calls += 1
        row.input_tokens += used.input
        row.cached_tokens += used.cached
        row.output_tokens += used.output
        row.cost_nano += listed()["openai", model].price.cost_nano(used) or 0

    def write(self, callers: Sequence[Caller], dice: random.Random, *, days: int, now: datetime) -> None:
        """Write the counts of the calls, and days of the year before that no calls are kept of."""
        lately = {key: counts for key, counts in self.moments.items() if key[1] > now - KEEP_MINUTES}
        minutes = [CallMinute(**dict(zip(MINUTE, row, strict=True))) for row in minute_rows(lately)]
        CallMinute.objects.bulk_create(minutes, batch_size=BATCH)
        every_day = [CallDay(**dict(zip(DAY, row, strict=True))) for row in day_rows(self.moments)]
        CallDay.objects.bulk_create(every_day, batch_size=BATCH)
        first = (now - timedelta(days=days)).astimezone(UTC).date()
        CallDay.objects.bulk_create(_earlier(callers, dice, first), batch_size=BATCH)
        PathHour.objects.bulk_create(
            [PathHour(connection_id=key[0], client_id=key[1], hour=key[2], method=key[3], path=key[4],
                      calls=counts[0], failed=counts[1]) for key, counts in self.places.items()],
            batch_size=BATCH,
        )  # fmt: skip
        SpendDay.objects.bulk_create(self.models.values(), batch_size=BATCH)


def _earlier(callers: Sequence[Caller], dice: random.Random, first: date) -> list[CallDay]:
    """Return the days before the first call, fewer calls the longer ago."""
    rows = []
    for caller in callers:
        for ago in range(1, YEAR_DAYS - 30):
            calls = round(dice.uniform(4, 16) * (1 - ago / (YEAR_DAYS + 60)))
            rows.append(
                CallDay(
                    connection_id=caller.connection.pk, client_id=caller.client_id, token_id=caller.token_id,
                    day=first - timedelta(days=ago), calls=calls, failed=int(dice.random() < 0.1),
                )
            )  # fmt: skip
    return rows


def make_budgets(clients: Sequence[Client]) -> None:
    """Give two clients a budget, one of them through its connection to OpenAI."""
    for number, warn, stop in BUDGETS:
        if number < len(clients):
            client = clients[number]
            rows = Connection.objects.filter(client=client, provider_key="openai").order_by("slug")
            Budget.objects.create(
                client=client,
                connection=rows.first() if number else None,
                warn_nano=warn and warn * NANO,
                stop_nano=stop * NANO,
            )
