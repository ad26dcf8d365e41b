"""The call table on PostgreSQL: one partition a day, bounded on the UUIDv7 primary key."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.db import migrations


def day_bound(day: date) -> UUID:
    """Return the smallest UUIDv7 of a UTC day: its 48-bit time, then zeros."""
    at_ms = int(datetime.combine(day, time(), UTC).timestamp() * 1000)
    return UUID(int=at_ms << 80)


class CreatePartitionedModel(migrations.CreateModel):
    """Make the table plainly on SQLite, and on PostgreSQL partitioned by range of its primary key.

    A default partition takes what no day's partition covers, so that a missed sweep loses nothing.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create the table and its indexes."""
        model = to_state.apps.get_model(app_label, self.name)
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        table = schema_editor.quote_name(model._meta.db_table)
        sql, params = schema_editor.table_sql(model)
        schema_editor.execute(f"{sql} PARTITION BY RANGE (id)", params)
        default = schema_editor.quote_name(f"{model._meta.db_table}_default")
        schema_editor.execute(f"CREATE TABLE {default} PARTITION OF {table} DEFAULT")
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))
