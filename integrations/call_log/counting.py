"""Adding a batch to rows of counts: one statement for all of them, and rows that are missing are made."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections
from django.db.models import Model

from integrations.models.router import calls_alias


def add_to_counts(kind: type[Model], rows: Sequence[Model], *, unique: str, counts: Sequence[str]) -> None:
    """Add the columns `counts` of rows to those of the rows that are there already, found by `unique`."""
    connection = connections[calls_alias()]
    table = kind._meta.db_table
    fields = [field for field in kind._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(str(field.column) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in counts)
    sql = (
        f"INSERT INTO {table} ({columns}) VALUES ({marks}) "  # noqa: S608 - our own names
        f"ON CONFLICT ({unique}) DO UPDATE SET {sums}"
    )
    values = [[field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)
