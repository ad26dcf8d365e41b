"""What models cost: the list that comes with Keylodge, and in its place what the agency says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from integrations.models import ModelPrice
from integrations.models.usage import NANO
from integrations.providers.reading import read
from secrets_vault import audit, generation

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from integrations.usage.used import Used
    from secrets_vault.actor import Actor
    from secrets_vault.models import User

FILE = Path(__file__).with_name("prices.toml")
MILLION = 10**6
MOST_DOLLARS = 10_000
AMOUNT = re.compile(r"\d{1,5}(?:\.\d{1,9})?", re.ASCII)
PARTS = ("input", "cached", "written", "written_long", "output")

Key = tuple[str, str]  # provider and model


def nano_of(dollars: str) -> int:
    """Return an amount of dollars in billionths. Raises ValueError for what is no such amount, or finer than that."""
    if not AMOUNT.fullmatch(dollars.strip()):
        raise ValueError("is no amount of dollars, as in 2.50")
    amount = Decimal(dollars.strip())
    if amount > MOST_DOLLARS:
        raise ValueError(f"is more than {MOST_DOLLARS} dollars")
    return int(amount * NANO)


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of each kind cost, in billionths of a dollar; None: nobody said."""

    input: int | None = None
    cached: int | None = None
    written: int | None = None
    written_long: int | None = None
    output: int | None = None
    up_to_tokens: int | None = None

    def cost_nano(self, used: Used) -> int | None:
        """Return what a call costs, None where a part of it has no price. Rounded once, to the nearest billionth."""
        if self.up_to_tokens is not None and used.prompt > self.up_to_tokens:
            return None
        total = 0
        for part in PARTS:
            tokens, price = getattr(used, part), getattr(self, part)
            if tokens and price is None:
                return None
            total += tokens * (price or 0)
        return (total + MILLION // 2) // MILLION


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list: dollars for a million tokens, as text, and the page that says so."""

    provider: str
    models: tuple[str, ...]
    source: str
    checked_on: date
    input: str = ""
    cached: str = ""
    written: str = ""
    written_long: str = ""
    output: str = ""
    up_to_tokens: int | None = None
    is_confirmed: bool = False

    def __post_init__(self) -> None:
        if not self.models or not any(getattr(self, part) for part in PARTS):
            raise ValueError("models: names none, or no price")
        for part in PARTS:
            if getattr(self, part):
                try:
                    nano_of(getattr(self, part))
                except ValueError as error:
                    raise ValueError(f"{part}: {error}") from None

    @property
    def price(self) -> Price:
        """Return the line as numbers."""
        parts = {part: nano_of(getattr(self, part)) for part in PARTS if getattr(self, part)}
        return Price(**parts, up_to_tokens=self.up_to_tokens)


@dataclass(frozen=True)
class _File:
    prices: tuple[Listed, ...]


@cache
def listed() -> dict[Key, Listed]:
    """Return the list that comes with Keylodge. Raises BadFacts."""
    lines = read(_File, tomllib.loads(FILE.read_text("utf-8")), where=FILE.name).prices
    found = {(line.provider, model): line for line in lines for model in line.models}
    if len(found) != sum(len(line.models) for line in lines):
        raise ValueError("prices.toml: a model has two prices")
    return found


def own_price(row: ModelPrice) -> Price:
    """Return what the agency says of one model."""
    names = [field.name for field in fields(Price) if field.name in PARTS]
    return Price(**{name: getattr(row, f"{name}_nano") for name in names})


class Prices:
    """The prices that hold now, as one process knows them: read anew when something has changed anywhere."""

    def __init__(self) -> None:
        self._seen: int | None = None
        self._own: Mapping[Key, Price] = {}

    def of(self, provider_key: str, model: str) -> Price | None:
        """Return the price of a model, None where it is not known."""
        seen = generation.current()
        if seen != self._seen:
            self._own = {(row.provider_key, row.model): own_price(row) for row in ModelPrice.objects.all()}
            self._seen = seen
        key = provider_key, model
        if key in self._own:
            return self._own[key]
        return listed()[key].price if key in listed() else None


def own_prices() -> QuerySet[ModelPrice]:
    """Return the agency's own prices: they belong to no client, and only the owner sees them."""
    return ModelPrice.objects.order_by("pk")


def set_price(provider_key: str, model: str, amounts: Mapping[str, int | None], *, user: User, actor: Actor) -> None:
    """Set what the agency says a model costs; it holds from the next call on, for no call before."""
    with transaction.atomic():
        columns = {f"{part}_nano": amounts.get(part) for part in PARTS}
        row, _is_new = ModelPrice.objects.update_or_create(
            provider_key=provider_key, model=model, defaults={**columns, "changed_by": user}
        )
        audit.record("price.set", actor=actor, subject=row, label=model, details={"provider": provider_key, **columns})
        generation.bump()


def remove_price(row: ModelPrice, *, actor: Actor) -> None:
    """Let the list hold again."""
    with transaction.atomic():
        audit.record("price.removed", actor=actor, subject=row, label=row.model, details={"provider": row.provider_key})
        row.delete()
        generation.bump()
