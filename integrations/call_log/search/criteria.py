"""What calls are asked for, and along which index they are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from integrations.call_log.search.lookups import Aside, contains
from integrations.call_log.search.words import words_in
from integrations.models.call import FAILED_OUTCOMES, Outcome, Source
from secrets_vault.access import VisibleQuerySet
from secrets_vault.ids import id_at

EVERY = "all"
REPORTED = "reported"
# A fact of a call -> its column. The index `call_notable` holds them all, so that none of these reads a row.
FACTS = {
    "client": "client_id",
    "connection": "connection_id",
    "token": "token_id",
    "provider": "provider_key",
    "method": "method",
}
WALKED = ("group", "connection", "token", "client")  # each has an index in the order of time


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """The filters of a list of calls. `outcome` is one of `Outcome`, "all", or "" for every kind of failure.

    `environments` are the ids of those that the asked-for name stands for. `status` is "404", "4xx" or "none".
    `text` is looked for in notable calls only; see `words.py`. `source` is one of `Source`, or "reported" for all that
    a tool reported. `id` is our request id and `ref` a provider's; a call is found by either, whatever else is asked.
    """

    start: datetime | None = None
    end: datetime | None = None
    outcome: str = ""
    client: UUID | None = None
    connection: UUID | None = None
    token: UUID | None = None
    group: UUID | None = None
    id: UUID | None = None
    ref: str = ""
    environments: Sequence[UUID] | None = None
    provider: str = ""
    status: str = ""
    method: str = ""
    path: str = ""
    signer: str = ""
    text: str = ""
    source: str = ""

    @property
    def names_calls(self) -> bool:
        """Tell whether calls are wanted by name: then nothing else narrows them."""
        return self.id is not None or bool(self.ref)

    @property
    def is_notable(self) -> bool:
        """Tell whether only calls are wanted that did not simply go through: few, and with an index of their own."""
        return bool(self.text) or self.outcome not in (EVERY, Outcome.OK)

    @property
    def has_words(self) -> bool:
        """Tell whether the index of words can answer a part of this."""
        return bool(self.text) or (self.is_notable and bool(self.path))

    @property
    def reads_rows(self) -> bool:
        """Tell whether each call's row must be read to see if it fits, where an index does not say."""
        return not self.is_notable or bool(self.path or self.signer or self.text or self.source)

    @property
    def referred(self) -> Q:
        """Return the condition that the provider calls it so. Most calls have no such id; the index leaves them out."""
        return Q(upstream_ref=self.ref) & ~Q(upstream_ref="")

    def in_time(self, rows: VisibleQuerySet) -> VisibleQuerySet:
        """Keep the calls of the span, by id: UUIDv7 sort by time, and partitions are cut along them."""
        if self.names_calls:
            return rows
        if self.start is not None:
            rows = rows.filter(pk__gte=id_at(self.start))
        return rows if self.end is None else rows.filter(pk__lt=id_at(self.end))

    def walked(self) -> dict[str, Any]:
        """Return the column, and its value, whose index is walked along. Without one it is the order of time."""
        names = WALKED[:1] if self.is_notable else WALKED
        name = next((name for name in names if getattr(self, name) is not None), None)
        return {f"{name}_id": getattr(self, name)} if name else {}

    def along(self, rows: VisibleQuerySet) -> VisibleQuerySet:
        """Return the calls that are walked along: all that fit are among them."""
        rows = rows.filter(**self.walked())
        return rows.exclude(outcome=Outcome.OK) if self.is_notable and self.group is None else rows

    def narrow(self, rows: VisibleQuerySet) -> VisibleQuerySet:
        """Keep, of the calls that are walked along, those that fit."""
        if self.names_calls:
            ours = Q(pk=self.id) if self.id is not None else Q()
            return rows.filter(ours | self.referred if self.ref else ours)
        for name, column in FACTS.items():
            if (value := getattr(self, name)) and column not in self.walked():
                rows = rows.alias(**{f"_{name}": Aside(column)}).filter(**{f"_{name}": value})
        if self.environments is not None:
            rows = rows.filter(environment_id__in=self.environments)
        rows = _from_source(self.along(rows), self.source)
        return self._worded(_with_status(self._ended(rows), self.status))

    def _ended(self, rows: VisibleQuerySet) -> VisibleQuerySet:
        if self.outcome == EVERY:
            return rows
        return rows.filter(outcome=self.outcome) if self.outcome else rows.filter(outcome__in=FAILED_OUTCOMES)

    def _worded(self, rows: VisibleQuerySet) -> VisibleQuerySet:
        if self.path:
            rows = (
                words_in(rows, self.path, only="path") if self.is_notable else rows.filter(contains("path", self.path))
            )
        if self.signer:
            rows = rows.filter(contains("jwt_subject", self.signer) | contains("jwt_issuer", self.signer))
        return words_in(rows, self.text) if self.text else rows


def _from_source(rows: VisibleQuerySet, source: str) -> VisibleQuerySet:
    if source == REPORTED:
        return rows.exclude(source=Source.GATEWAY)
    return rows.filter(source=source) if source else rows


def _with_status(rows: VisibleQuerySet, status: str) -> VisibleQuerySet:
    if not status:
        return rows
    if status == "none":
        return rows.filter(status=None)
    if status.endswith("xx"):
        hundred = int(status[0]) * 100
        return rows.filter(status__gte=hundred, status__lt=hundred + 100)
    return rows.filter(status=int(status))
