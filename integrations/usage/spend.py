"""What the calls of a batch cost, added to the days of their connections and models."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date
from typing import TYPE_CHECKING
from uuid import UUID

from integrations.call_log.counting import add_to_counts
from integrations.models import SpendDay
from integrations.usage.prices import Prices
from integrations.usage.used import MODEL, Used, used_in

if TYPE_CHECKING:
    from integrations.call_log.record import CallRecord

logger = logging.getLogger(__name__)

MOST_MODELS = 50  # of a connection and day in one process; the names come from answers, and whoever sends those
COUNTS = ("calls", "unpriced_calls", "untold_calls", "input_tokens", "cached_tokens", "written_tokens",
          "output_tokens", "cost_nano")  # fmt: skip
COLUMNS = ("connection_id", "client_id", "model", "day", *COUNTS)
Key = tuple[UUID, UUID, str, date]  # connection, client, model, day of UTC

_prices = Prices()
_models: dict[tuple[UUID, date], set[str]] = {}


def add(records: Iterable[CallRecord]) -> None:
    """Add the calls that say what they used. In the caller's transaction."""
    sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * len(COUNTS))
    for record in records:
        if record.answer_ends is None or record.connection_id is None or record.provider is None:
            continue
        used = _read(record)
        if used is None and record.method != "POST":
            continue  # a list of models costs nothing
        day = record.at.astimezone(UTC).date()
        model = _bounded(record.connection_id, day, used.model) if used else ""
        counts = _counts(record, used)
        total = sums[record.connection_id, record.client_id, model, day]
        for place, count in enumerate(counts):
            total[place] += count
    rows = [(*key, *counts) for key, counts in sorted(sums.items())]
    add_to_counts(SpendDay, COLUMNS, rows, unique="connection_id, model, day", counts=COUNTS)


def _read(record: CallRecord) -> Used | None:
    """Return what a call used. An answer that breaks the reading must not keep the batch from being written."""
    if record.answer_ends is None or record.provider is None:
        return None
    try:
        return used_in(record.answer_ends, record.provider, request_body=record.request_body)
    except Exception:
        logger.exception("what a call used could not be read", extra={"call": str(record.id)})
        return None


def _counts(record: CallRecord, used: Used | None) -> tuple[int, ...]:
    if used is None:
        return 1, 0, 1, 0, 0, 0, 0, 0
    cost = _cost_nano(record, used)
    written = used.written + used.written_long
    return 1, int(cost is None), 0, used.input, used.cached, written, used.output, cost or 0


def _cost_nano(record: CallRecord, used: Used) -> int | None:
    """Return what a call cost: as the provider told, else by the price of the model. None where nobody knows.

    An answer names the snapshot that was taken, as gpt-4o-mini-2024-07-18; where that has no price of its own, the
    name that was asked for may have one.
    """
    if used.told_nano is not None:
        return used.told_nano
    if not used.is_list_price:
        return None
    price = _prices.of(record.provider_key, used.model) or _prices.of(record.provider_key, _asked_model(record))
    return price.cost_nano(used) if price else None


def _asked_model(record: CallRecord) -> str:
    try:
        model = json.loads(record.request_body).get("model")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return model if isinstance(model, str) and MODEL.fullmatch(model) else ""


def _bounded(connection_id: UUID, day: date, model: str) -> str:
    """Return the model, or "" once a connection has named too many."""
    if (connection_id, day) not in _models:
        for key in [key for key in _models if key[1] < day]:
            del _models[key]
    known = _models.setdefault((connection_id, day), set())
    if model not in known and len(known) >= MOST_MODELS:
        return ""
    known.add(model)
    return model
