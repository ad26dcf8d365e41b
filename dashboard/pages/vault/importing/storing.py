"""Storing what was chosen: everything, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from dashboard.pages.vault.importing.drafts import JOINED, SKIP, Choice
from integrations.importing import Item, fields_as
from secrets_vault import vault
from secrets_vault.errors import BadInput
from secrets_vault.models import Environment, StoredSecret

if TYPE_CHECKING:
    from secrets_vault.actor import Actor
    from secrets_vault.models import User
    from secrets_vault.secret import Secret

MOST_AT_ONCE = 300  # each is sealed and in the book, in one transaction that others wait for: 8 ms of CPU each
Kind = StoredSecret.Kind


@dataclass(slots=True)
class Sorted:
    """What is to be done: secrets of their own, sets by place, new versions by the secret they are of."""

    own: list[tuple[Item, Choice, Environment]] = field(default_factory=list)
    sets: dict[str, dict[str, Secret]] = field(default_factory=dict)
    versions: dict[tuple[UUID, UUID], list[Item]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.own) + len(self.sets) + len(self.versions)


def sort(rows: Iterable[tuple[Item, Choice]], places: Mapping[str, Environment]) -> Sorted:
    """Sort the rows by what becomes of them. Raises BadInput for a name that is twice in one set."""
    found = Sorted()
    for item, choice in rows:
        if choice.act == SKIP:
            continue
        if choice.is_version:
            pk, current = choice.act.split(":")[1:]
            found.versions.setdefault((UUID(pk), UUID(current)), []).append(item)
        elif choice.act == JOINED:
            _join(found.sets.setdefault(choice.place, {}), choice.label, item)
        else:
            found.own.append((item, choice, places[choice.place]))
    if len(found) > MOST_AT_ONCE:
        raise BadInput(
            _("These are {n} secrets; {most} can be stored at once. Leave some out, or cut the file.").format(
                n=len(found), most=MOST_AT_ONCE
            )
        )
    return found


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


def store_all(work: Sorted, places: Mapping[str, Environment], user: User, *, about: About) -> int:
    """Store everything or nothing; return how many secrets were touched. Raises VaultError."""
    with transaction.atomic():
        for item, choice, environment in work.own:
            _store(choice.act, choice.label, fields_as(item, choice.act), environment, about, choice.provider_key)
        for place, values in work.sets.items():
            _store_set(values, places[place], about)
        for (pk, current), items in work.versions.items():
            _store_version(pk, current, items, user, about)
    return len(work)


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
