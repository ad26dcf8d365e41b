"""A condition on a column of states, spelled as partial indexes spell it.

With the states passed in as parameters, SQLite would not see that such an index covers the question.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, Lookup


class IsOneOf(Lookup):
    """The condition that a column holds one of a few words of our own."""

    lookup_name = "is_one_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the condition as SQL."""
        column, params = self.process_lhs(compiler, connection)
        words = ", ".join(f"'{word}'" for word in self.rhs)
        return f"{column} IN ({words})", tuple(params)


def is_one_of(words: tuple[str, ...], *, column: str = "state") -> IsOneOf:
    """Return the condition; the words are constants of ours, never a person's."""
    if not all(word.isidentifier() for word in words):
        raise ValueError("a state is a plain word")
    return IsOneOf(F(column), words)
