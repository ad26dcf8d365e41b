"""Two ways of asking that Django does not have: contains as an index knows it, and a column kept from the planner."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.models import F, Field, Func, Lookup, Q, TextField

from integrations.models.router import calls_alias


class AnyCase(Lookup):
    """`LIKE` in any case. Django's own `icontains` says `UPPER(column) LIKE …`, which no index of trigrams answers."""

    lookup_name = "any_case"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the condition; the pattern comes with its wild cards already escaped by a backslash."""
        column, params = self.process_lhs(compiler, connection)
        operator = "ILIKE" if connection.vendor == "postgresql" else "LIKE"
        return rf"{column} {operator} %s ESCAPE '\'", (*params, self.rhs)


Field.register_lookup(AnyCase)


def contains(column: str, text: str) -> Q:
    """Return the condition that a column contains `text`, in any case."""
    escaped = connections[calls_alias()].ops.prep_for_like_query(text)
    return Q(**{f"{column}__any_case": f"%{escaped}%"})


class Start(Func):
    """The first characters of a text, written as the index of words writes them."""

    output_field = TextField()

    def __init__(self, column: str, most: int) -> None:
        super().__init__(F(column), most=most)

    template = "LEFT(%(expressions)s, %(most)d)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """SQLite has no LEFT()."""
        return self.as_sql(compiler, connection, template="substr(%(expressions)s, 1, %(most)d)", **context)


class Aside(Func):
    """A column as a fact to look at, not a way to walk.

    SQLite keeps no statistics for us: it takes any index whose first column must equal something, and would read a
    whole client's calls to find its few failed ones. A plus sign before the column tells it not to (its own advice,
    sqlite.org/optoverview.html, "Disqualifying WHERE clause terms using unary +"). PostgreSQL counts for itself.
    """

    template = "%(expressions)s"

    def __init__(self, column: str) -> None:
        super().__init__(F(column))

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Put the plus sign."""
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)
