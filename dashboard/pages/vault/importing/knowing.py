"""What is stored already of what was read: the same values, and other values of the same name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F

from secrets_vault.models import Environment, SecretField, StoredSecret
from secrets_vault.vault.finding import fingerprint_to_store

if TYPE_CHECKING:
    from uuid import UUID

    from integrations.importing import Item
    from secrets_vault.models import User

AT_ONCE = 400  # SQLite takes so many parameters in one statement with room to spare
MOST_NAMED = 5
Kind = StoredSecret.Kind


@dataclass(slots=True)
class Known:
    """Stored secrets by fingerprint of a value, and by environment and name. Only what this person may see."""

    by_value: dict[bytes, list[SecretField]]
    by_name: dict[tuple[UUID, str], StoredSecret]

    @classmethod
    def of(cls, items: Iterable[Item], environments: Iterable[Environment], user: User) -> Known:
        """Look all of them up, a few hundred at a time."""
        listed = list(items)
        marks = {mark for item in listed for mark in _marks(item)}
        names = {item.name for item in listed}
        places = [environment.pk for environment in environments]
        return cls(_same_values(list(marks), user), _same_names(list(names), places, user))

    def with_value(self, item: Item) -> list[SecretField]:
        """Return the stored fields that hold a value of this item."""
        return [row for mark in _marks(item) for row in self.by_value.get(mark, [])]

    def secrets_with_value(self, item: Item) -> list[StoredSecret]:
        """Return the secrets they belong to, each once, the first few."""
        found = {row.version.secret_id: row.version.secret for row in self.with_value(item)}
        return list(found.values())[:MOST_NAMED]

    def is_stored_at(self, item: Item, environment: Environment | None) -> bool:
        """Tell whether every value that can be told apart is current at this place."""
        marks = set(_marks(item))
        here = {
            bytes(row.fingerprint or b"")
            for row in self.with_value(item)
            if environment and row.version.secret.environment_id == environment.pk
            if row.version_id == row.version.secret.current_id
        }
        return bool(marks) and marks <= here

    def of_name(self, item: Item, environment: Environment | None) -> StoredSecret | None:
        """Return the secret of this name at this place, where it holds another value."""
        if environment is None or self.is_stored_at(item, environment):
            return None
        return self.by_name.get((environment.pk, item.name))


def _marks(item: Item) -> list[bytes]:
    found = (fingerprint_to_store(value, is_secret=name != "username") for name, value in item.fields.items())
    return [mark for mark in found if mark is not None]


def _same_values(marks: list[bytes], user: User) -> dict[bytes, list[SecretField]]:
    found: dict[bytes, list[SecretField]] = {}
    for start in range(0, len(marks), AT_ONCE):
        rows = SecretField.objects.visible_to(user).filter(fingerprint__in=marks[start : start + AT_ONCE])
        rows = rows.filter(version__secret__deleted_at=None).exclude(version__secret__kind=Kind.SYSTEM)
        for row in rows.select_related("version__secret__client", "version__secret__environment"):
            found.setdefault(bytes(row.fingerprint), []).append(row)
    return found


def _same_names(names: list[str], places: list[UUID], user: User) -> dict[tuple[UUID, str], StoredSecret]:
    """Return secrets by what they are called, and sets by what they hold. A secret of its own comes first."""
    found: dict[tuple[UUID, str], StoredSecret] = {}
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        held = SecretField.objects.manageable_by(user).filter(
            name__in=some,
            version=F("version__secret__current"),
            version__secret__environment__in=places,
            version__secret__kind=Kind.KEY_VALUE_SET,
            version__secret__deleted_at=None,
        )
        for row in held.select_related("version__secret"):
            found[row.version.secret.environment_id, row.name] = row.version.secret
        called = StoredSecret.objects.manageable_by(user).filter(
            environment__in=places, label__in=some, deleted_at=None, current__isnull=False
        )
        for stored in called.exclude(kind__in=(Kind.SYSTEM, Kind.ELSEWHERE, Kind.OAUTH_TOKENS)):
            found[stored.environment_id, stored.label] = stored
    return found
