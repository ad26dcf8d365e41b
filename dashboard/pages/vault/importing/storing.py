"""Storing what was chosen: a batch at a time, and of each batch everything or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.pages.vault.importing.drafts import JOINED, SKIP, Choice
from integrations.importing import CONNECT, CONNECT_WITH, Item, fields_as
from integrations.importing.connecting import connect
from secrets_vault import vault
from secrets_vault.errors import BadInput
from secrets_vault.models import Environment, StoredSecret

if TYPE_CHECKING:
    from secrets_vault.actor import Actor
    from secrets_vault.models import User
    from secrets_vault.secret import Secret

A_BATCH = 100  # each is sealed and in the book, in one transaction that others wait for: 8 ms of CPU each
Kind = StoredSecret.Kind


@dataclass(frozen=True, slots=True)
class Own:
    """A secret of its own."""

    item: Item
    choice: Choice
    environment: Environment


@dataclass(frozen=True, slots=True)
class Joined:
    """A set of the values at one place."""

    environment: Environment
    values: dict[str, Secret]


@dataclass(frozen=True, slots=True)
class Version:
    """What becomes a new version of a stored secret, which a person saw as `current`."""

    pk: UUID
    current: UUID
    items: list[Item]


Unit = Own | Joined | Version


def sort(rows: Iterable[tuple[Item, Choice]], places: Mapping[str, Environment]) -> list[Unit]:
    """Return what is to be done, one after the other, in the same order each time.

    Raises BadInput for a name that is twice in one set.
    """
    own: list[Unit] = []
    sets: dict[str, dict[str, Secret]] = {}
    versions: dict[tuple[UUID, UUID], list[Item]] = {}
    for item, choice in rows:
        if choice.act == SKIP:
            continue
        if choice.is_version:
            pk, current = choice.act.split(":")[1:]
            versions.setdefault((UUID(pk), UUID(current)), []).append(item)
        elif choice.act == JOINED:
            _join(sets.setdefault(choice.place, {}), choice.label, item)
        else:
            own.append(Own(item, choice, places[choice.place]))
    joined = [Joined(places[place], values) for place, values in sets.items()]
    return [*own, *joined, *(Version(*found, items) for found, items in versions.items())]


def _join(values: dict[str, Secret], name: str, item: Item) -> None:
    if name in values:
        raise BadInput(_("{name} would be twice in one set. Give one of them another name.").format(name=name))
    values[name] = next(iter(item.fields.values()))


@dataclass(frozen=True, slots=True)
class About:
    """What holds for all of them."""

    actor: Actor
    made_on: date | None
    set_label: str
    is_merged: bool


def store(units: Sequence[Unit], user: User, *, about: About) -> int:
    """Store all of these or nothing; return how many secrets were touched. Raises VaultError."""
    with transaction.atomic():
        for unit in units:
            _store_unit(unit, user, about)
    return len(units)


def _store_unit(unit: Unit, user: User, about: About) -> None:
    if isinstance(unit, Version):
        _store_version(unit.pk, unit.current, unit.items, user, about)
    elif isinstance(unit, Joined):
        _store_set(unit.values, unit.environment, about)
    elif unit.choice.act in (CONNECT, CONNECT_WITH):
        connect(
            unit.item,
            unit.environment,
            provider_key=unit.choice.provider_key,
            label=unit.choice.label,
            with_tokens=unit.choice.act == CONNECT_WITH,
            actor=about.actor,
            now=timezone.now(),
        )
    else:
        fields = fields_as(unit.item, unit.choice.act)
        _store(unit.choice.act, unit.choice.label, fields, unit.environment, about, unit.choice.provider_key)


def _store(
    kind: str, label: str, fields: Mapping[str, Secret], environment: Environment, about: About, provider_key: str = ""
) -> None:
    kept: dict[str, Any] = {"client": environment.client, "environment": environment, "made_on": about.made_on}
    vault.store(actor=about.actor, kind=kind, label=label, fields=fields, provider_key=provider_key, **kept)


def _store_set(values: Mapping[str, Secret], environment: Environment, about: About) -> None:
    kept = sets_called(about.set_label, [environment]) if about.is_merged else []
    if kept:
        vault.change_fields(kept[0], values, actor=about.actor, reason=_("imported"))
    else:
        _store(Kind.KEY_VALUE_SET, about.set_label, values, environment, about)


def sets_called(label: str, environments: Iterable[Environment]) -> list[StoredSecret]:
    """Return the sets of this name at these places, which the caller may manage."""
    places = [environment.pk for environment in environments]
    rows = StoredSecret.objects.filter(kind=Kind.KEY_VALUE_SET, label=label, environment__in=places, deleted_at=None)
    return list(rows.filter(current__isnull=False).order_by("pk"))


def _store_version(pk: UUID, current: UUID, items: list[Item], user: User, about: About) -> None:
    """Store a new version of a secret. Raises StaleVersion when it is no longer what the person saw."""
    stored = StoredSecret.objects.manageable_by(user).filter(pk=pk).first()
    if stored is None:
        raise BadInput(_("A secret that was to get a new version is gone. Read the file again."))
    if stored.kind == Kind.KEY_VALUE_SET:
        values = {name: value for item in items for name, value in fields_as(item, Kind.KEY_VALUE_SET).items()}
        vault.change_fields(stored, values, actor=about.actor, reason=_("imported"), expected_current=current)
        return
    fields = fields_as(items[-1], stored.kind)
    vault.replace(
        stored, fields, actor=about.actor, made_on=about.made_on, reason=_("imported"), expected_current=current
    )
