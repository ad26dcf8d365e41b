"""What a request has brought with it, so that no log line written while it is answered repeats it.

A value just typed is in no vault yet, and a password has no shape: when a view breaks on it, only the form itself
tells the log what to cover.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import islice

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict

from secrets_vault.masking.known import SHORT, KnownValues

MOST_PIECES = 200
LONGEST = 4096
MOST_BYTES = 256 * 1024

answering: ContextVar[HttpRequest | None] = ContextVar("answering", default=None)


def covered(request: HttpRequest) -> KnownValues:
    """Return the values of a request's form, query and cookies for the masker; made by the first log line.

    It is made once more when the form has been read meanwhile.
    """
    has_form = hasattr(request, "_post") or hasattr(request, "_body")
    kept: tuple[bool, KnownValues] | None = getattr(request, "_brought", None)
    if kept is None or kept[0] != has_form:
        kept = has_form, KnownValues(islice(dict.fromkeys(pieces(request)), MOST_PIECES))
        request._brought = kept  # type: ignore[attr-defined]
    return kept[1]


def pieces(request: HttpRequest) -> Iterator[str]:
    """Yield each value, and of a pasted text each line and what stands behind its first `=` or `:`."""
    sent = (*_values(_form(request)), *_texts(_document(request)))
    for value in (*sent, *_values(_query(request)), *request.COOKIES.values()):
        for line in (value, *(value.splitlines() if "\n" in value else ())):
            for piece in (line, *(line.partition(mark)[2] for mark in ("=", ":"))):
                stripped = piece.strip(" \t\r\n'\"")
                if SHORT <= len(stripped) <= LONGEST:
                    yield stripped


def _form(request: HttpRequest) -> QueryDict:
    """Return the form if it has been read: the log must not be what reads a body."""
    form: QueryDict = getattr(request, "_post", None) or QueryDict()
    return form


def _document(request: HttpRequest) -> object:
    """Return the JSON of a body that has been read; None where it is none."""
    body: bytes = getattr(request, "_body", b"")
    if request.content_type != "application/json" or len(body) > MOST_BYTES:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _texts(document: object) -> Iterator[str]:
    """Yield the texts of a document, those that stand least deep first."""
    waiting = deque([document])
    while waiting:
        one = waiting.popleft()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list):
            waiting.extend(one.values() if isinstance(one, dict) else one)


def _query(request: HttpRequest) -> QueryDict:
    try:
        return request.GET
    except SuspiciousOperation:  # more fields than Django reads; nothing of them gets anywhere
        return QueryDict()


def _values(fields: QueryDict) -> Iterator[str]:
    for _name, values in fields.lists():
        yield from (value for value in values if isinstance(value, str))
