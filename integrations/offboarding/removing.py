"""Deleting what a client left: every row that belongs to it, in portions, in whatever order the rows allow.

What stays: the client's own row, who may see it, the names of its destroyed keys, the off-boarding, and the book.
The models are found, not listed, so that a table added later is not forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Field, ForeignKey, Model, ProtectedError, UUIDField

from integrations.models import Offboarding
from integrations.models.router import calls_alias
from secrets_vault import leftovers
from secrets_vault.models import AuditEvent, Client, KeyTerm, Membership

KEPT: tuple[type[Model], ...] = (Client, Membership, KeyTerm, Offboarding, AuditEvent)
PORTION = 500
ROUNDS = 6


class StillThere(Exception):
    """Rows could not be deleted, since others that are not the client's point at them."""


def belonging() -> Iterator[tuple[type[Model], Field[Any, Any]]]:
    """Yield each model whose rows belong to a client and do not stay, with the column that says to which."""
    for model in apps.get_models(include_auto_created=True):
        if model in KEPT or model._meta.proxy or not model._meta.managed:
            continue
        yield from ((model, field) for field in model._meta.concrete_fields if _says_whose(field))


def _says_whose(field: Field[Any, Any]) -> bool:
    """Tell whether a column refers to a client: by a foreign key, or by the bare id that the call log keeps."""
    if isinstance(field, ForeignKey):
        return field.related_model is Client
    return field.attname == "client_id" and isinstance(field, UUIDField)


def remove(client: Client) -> int:
    """Delete every row of a client; return how many there were. May be stopped and begun again at any point."""
    waiting, gone = list(belonging()), 0
    for _round in range(ROUNDS):
        held = []
        for model, field in waiting:
            try:
                gone += _empty(model, field, client)
            except ProtectedError:
                held.append((model, field))
        waiting = held
        if not waiting:
            leftovers.wipe()
            return gone
    raise StillThere(", ".join(model._meta.label for model, _field in waiting))


def _empty(model: type[Model], field: Field[Any, Any], client: Client) -> int:
    is_log = not field.is_relation
    manager = model._base_manager.using(calls_alias()) if is_log else model._base_manager
    gone = 0
    while ids := list(manager.filter(**{field.attname: client.pk}).values_list("pk", flat=True)[:PORTION]):
        rows: Any = manager.filter(pk__in=ids)
        gone += rows._raw_delete(calls_alias()) if is_log else rows.delete()[0]
    return gone


def what_is_left(client: Client) -> list[str]:
    """Name every table that still holds a row of the client's."""
    found = []
    for model, field in belonging():
        manager = model._base_manager if field.is_relation else model._base_manager.using(calls_alias())
        if manager.filter(**{field.attname: client.pk}).exists():
            found.append(model._meta.label)
    return found
