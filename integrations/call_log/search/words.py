"""Words in the calls that did not simply go through: their path, cause, code, and the start of their masked bodies.

SQLite has them in an FTS5 index of trigrams that triggers keep; PostgreSQL in one GIN index with pg_trgm. Either may be
missing: FTS5 is compiled out here and there, and a managed database may not give the extension. Then the same words are
looked for in the rows themselves, newest first, as far as a page's budget goes; the page says how far that was.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Q
from django.db.models.expressions import RawSQL

from integrations.call_log.search.lookups import Start, contains
from integrations.models.router import calls_alias
from secrets_vault.access import VisibleQuerySet

INDEX = "call_words"
MOST_INDEXED = 2_000  # characters of each body: a body may be 64 KB, and every three of its letters cost an entry
TRIGRAM = 3


@cache
def has_index() -> bool:
    """Tell whether this installation has the index of words."""
    connection = connections[calls_alias()]
    where, name = "pg_indexes WHERE indexname", INDEX
    if connection.vendor == "sqlite":
        where, name = "sqlite_master WHERE name", f"{INDEX}_insert"  # what is not kept up is no index
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {where} = %s", [name])  # noqa: S608 - our own names
        return cursor.fetchone() is not None


def words_in(rows: VisibleQuerySet, text: str, *, only: str = "") -> VisibleQuerySet:
    """Keep the calls in which `text` stands, in any case. `only` names one column to look at, "path"."""
    connection = connections[calls_alias()]
    found = Q(pk=whole_id(text)) if not only and whole_id(text) else Q()
    if connection.vendor == "sqlite" and len(text) >= TRIGRAM and has_index():
        return rows.filter(found | Q(pk__in=_in_fts(text, only=only)))
    if only:
        return rows.filter(contains(only, text))
    starts: dict[str, Any] = {f"_{name}": Start(name, MOST_INDEXED) for name in ("request_body", "response_body")}
    for column in ("path", "cause", "code", *starts):
        found |= contains(column, text)
    return rows.alias(**starts).filter(found)


def _in_fts(text: str, *, only: str) -> RawSQL:
    phrase = '"{}"'.format(text.replace('"', '""'))
    sql = f"SELECT id FROM {INDEX}_ids WHERE n IN (SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH %s)"  # noqa: S608 - ours
    return RawSQL(sql, [f"{only} : {phrase}" if only else phrase])  # noqa: S611 - the words are a parameter


def whole_id(text: str) -> UUID | None:
    """Return the request id that `text` is, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
