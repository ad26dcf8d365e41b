"""What the inlet asks of the database for every batch, written by hand: it stands between a vendor and its answer.

`bulk_create` costs several times as much and cannot say which rows were new; to put a query of the ORM together takes
longer than to run it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from integrations.models import WebhookTarget

_ID = WebhookTarget._meta.get_field("id")
MOST_PARAMETERS = 32_000  # SQLite takes 32,766, PostgreSQL 65,535
NEW_ONLY = " ON CONFLICT DO NOTHING RETURNING id"


@dataclass(frozen=True, slots=True)
class Wanting:
    """A target, and which events it wants."""

    id: UUID
    filter: Any


def targets_of(endpoint_ids: Collection[UUID]) -> dict[UUID, list[Wanting]]:
    """Return the targets of some endpoints, by endpoint, the oldest first."""
    if not endpoint_ids:
        return {}
    as_stored = [_ID.get_db_prep_value(each, connection) for each in endpoint_ids]
    with connection.cursor() as cursor:
        cursor.execute(_targets_sql(len(as_stored)), as_stored)
        found = cursor.fetchall()
    targets: dict[UUID, list[Wanting]] = {}
    for target_id, endpoint_id, conditions in found:
        wants = json.loads(conditions) if isinstance(conditions, str) else conditions
        targets.setdefault(_id(endpoint_id), []).append(Wanting(_id(target_id), wants))
    return targets


@cache
def _targets_sql(count: int) -> str:
    marks = ", ".join(["%s"] * count)
    table = WebhookTarget._meta.db_table
    return f"SELECT id, endpoint_id, filter FROM {table} WHERE endpoint_id IN ({marks}) ORDER BY id"  # noqa: S608 - ours


def insert(rows: Sequence[Model]) -> None:
    """Insert rows of one model."""
    for some in _slices(rows):
        _execute(some, "")


def insert_new(rows: Sequence[Model]) -> set[UUID]:
    """Insert the rows that no unique constraint refuses; return their ids. A row in the middle of another
    transaction is waited for."""
    return {_id(found) for some in _slices(rows) for found in _execute(some, NEW_ONLY)}


def _slices(rows: Sequence[Model]) -> list[Sequence[Model]]:
    if not rows:
        return []
    size = MOST_PARAMETERS // len(rows[0]._meta.concrete_fields)
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _execute(rows: Sequence[Model], ending: str) -> list[object]:
    model = type(rows[0])
    fields = model._meta.concrete_fields
    values = [each.get_db_prep_save(getattr(row, each.attname), connection) for row in rows for each in fields]
    with connection.cursor() as cursor:
        cursor.execute(_sql(model, len(rows), ending), values)
        return [found for (found,) in cursor.fetchall()] if ending else []


@cache
def _sql(model: type[Model], count: int, ending: str) -> str:
    names = [str(each.column) for each in model._meta.concrete_fields]
    marks = ", ".join([f"({', '.join(['%s'] * len(names))})"] * count)
    return f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) VALUES {marks}{ending}"  # noqa: S608 - our names


def _id(found: object) -> UUID:
    return found if isinstance(found, UUID) else UUID(hex=str(found))
