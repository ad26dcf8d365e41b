"""The id and the kind of an event, as far as the request tells them."""

from __future__ import annotations

import hashlib

from integrations.webhooks.places import Place, place, text, texts
from integrations.webhooks.schemes.proven import Case
from integrations.webhooks.verdicts import Refused

LONGEST_ID = 200
LONGEST_TYPE = 100


def event_id(case: Case) -> str | None:
    """Return the event's id, None where the request has none. Raises Refused when a header brings it twice.

    An id that is long, or holds what a column cannot, is replaced by its SHA-256.
    """
    if case.scheme.id is None:
        return None
    pieces = [_piece(case, place(where)) for where in case.scheme.id.places]
    if not all(pieces):
        return None
    return fitting(":".join(str(piece) for piece in pieces))


def fitting(whole: str) -> str:
    """Return an id as a column can hold it: itself, or its SHA-256 where it is long or not printable."""
    if len(whole) <= LONGEST_ID and whole.isprintable():
        return whole
    return "sha256:" + hashlib.sha256(whole.encode()).hexdigest()


def event_type(case: Case) -> str | None:
    """Return what kind of event it is, None where that cannot be read."""
    if not case.scheme.event_type:
        return None
    try:
        kind = text(case.request, place(case.scheme.event_type))
    except Refused:
        return None
    return kind if kind and len(kind) <= LONGEST_TYPE and kind.isprintable() else None


def _piece(case: Case, where: Place) -> str | None:
    if where.kind == "header":
        return text(case.request, where, item_separator=case.scheme.item_separator)
    try:
        found = texts(case.request, where)
    except Refused:  # the body need not be JSON: GitHub sends forms too
        return None
    if len(found) > 1 and "*" not in where.name:
        return None
    return ",".join(found)
