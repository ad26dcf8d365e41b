"""What one environment of a client holds, as variables: for an .env file, or for a command that is run with them.

Tokens that a provider renews are left out: outside Keylodge they are dead within the hour, and their refresh
token, used by two, ends the connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.models import Environment, StoredSecret
from secrets_vault.secret import Secret

Kind = StoredSecret.Kind
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# The one value of a secret is called like the secret; others add their own name.
ALONE = frozenset({"api_key", "token", "client_secret", "secret", "note", "private_key"})


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, and the secret that it comes from."""

    name: str
    value: Secret
    label: str


@dataclass(slots=True)
class Values:
    """All variables in order, and the labels of the secrets that have none."""

    variables: list[Variable] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def secrets_of(environment: Environment) -> list[StoredSecret]:
    """Return the secrets of one environment that hold a value now, by label."""
    rows = StoredSecret.objects.filter(environment=environment, deleted_at=None).exclude(kind=Kind.SYSTEM)
    return list(rows.select_related("client", "environment", "current").order_by("label", "pk"))


def values_for_a_person(environment: Environment, *, actor: Actor) -> Values:
    """Return everything for a person to take along. Each secret is in the book before the first is opened.

    Raises Unreadable: half a file that looks whole is worse than none.
    """
    kept = secrets_of(environment)
    spendable = [stored for stored in kept if _has_variables(stored)]
    opened = vault.take_out(spendable, actor=actor)
    return _named(kept, {stored.pk: fields for stored, fields in zip(spendable, opened, strict=True)})


def values_for_a_command(environment: Environment, *, actor: Actor) -> Values:
    """Return everything for a program that is about to start."""
    kept = secrets_of(environment)
    spendable = [stored for stored in kept if _has_variables(stored)]
    return _named(kept, {stored.pk: vault.use(stored, actor=actor, purpose="run") for stored in spendable})


def _has_variables(stored: StoredSecret) -> bool:
    return stored.current is not None and stored.kind not in (Kind.ELSEWHERE, Kind.OAUTH_TOKENS)


def _named(kept: list[StoredSecret], opened: dict[object, dict[str, Secret]]) -> Values:
    values, taken = Values(), set[str]()
    for stored in kept:
        if stored.pk not in opened:
            values.left_out.append(stored.label)
        for name, value in _spelled(stored, opened.get(stored.pk, {})):
            free = _free(name, taken)
            taken.add(free)
            values.variables.append(Variable(free, value, stored.label))
    return values


def _spelled(stored: StoredSecret, fields: dict[str, Secret]) -> Iterator[tuple[str, Secret]]:
    for name, value in fields.items():
        if stored.kind == Kind.KEY_VALUE_SET:
            yield shell_name(name), value
        elif name in ALONE:
            yield shell_name(stored.label, is_label=True), value
        else:
            yield shell_name(f"{stored.label}_{name}", is_label=True), value


def shell_name(text: str, *, is_label: bool = False) -> str:
    """Return a name that a shell takes, and that cannot be anything but a name. One that fits stays as it is."""
    if NAME.fullmatch(text) and (text.isupper() or not is_label):
        return text
    name = re.sub(r"[^A-Za-z0-9]+" if is_label else r"[^A-Za-z0-9_]", "_", text)
    name = name.strip("_").upper() if is_label else name
    return name if NAME.fullmatch(name) else f"_{name}"


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
