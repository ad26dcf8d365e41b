"""Turn a table of facts (TOML or JSON) into frozen dataclasses; anything unknown or wrong is refused."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Hashable, Mapping
from datetime import date
from functools import cache
from typing import Any, cast

from integrations.errors import IntegrationError


class BadFacts(IntegrationError):
    """A fact is unknown, missing or wrong. `field` is dotted from the top of the file."""

    code = "bad_facts"

    def __init__(self, where: str, field: str, reason: str) -> None:
        self.where, self.field, self.reason = where, field, reason
        super().__init__(f"{where}: {field}: {reason}")


def read[T](kind: type[T], facts: Any, *, where: str, at: str = "") -> T:
    """Return `kind` filled from `facts`. Raises BadFacts with the file, the field and the reason.

    A dataclass checks its own values in `__post_init__` by raising ValueError("field: reason").
    """
    if not isinstance(facts, Mapping):
        raise BadFacts(where, at or "(top)", "must be a table")
    hints, fields = _plan(cast(Hashable, kind))
    _refuse_unknown(facts, {_outer(name) for name in fields}, where=where, at=at)
    values = {}
    for name, field in fields.items():
        outer = _outer(name)
        if outer in facts:
            values[name] = _value(hints[name], facts[outer], where=where, at=_join(at, outer))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise BadFacts(where, _join(at, outer), "is missing")
    try:
        return kind(**values)
    except ValueError as error:
        field_name, _, reason = str(error).partition(": ")
        raise BadFacts(where, _join(at, field_name), reason) from None


@cache
def _plan(kind: Any) -> tuple[dict[str, Any], dict[str, dataclasses.Field[Any]]]:
    return typing.get_type_hints(kind), {field.name: field for field in dataclasses.fields(kind) if field.init}


def _outer(name: str) -> str:
    """Return the name a file uses: `in_` in Python is `in` in a file."""
    return name.rstrip("_")


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _refuse_unknown(facts: Mapping[str, Any], known: set[str], *, where: str, at: str) -> None:
    for name in facts:
        if name not in known:
            raise BadFacts(where, _join(at, str(name)), f"is not a known field (known: {', '.join(sorted(known))})")


def _value(hint: Any, value: Any, *, where: str, at: str) -> Any:
    """Return `value` as the annotation says: tuples from lists, frozen mappings from tables."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        if value is None:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where=where, at=at)
    if origin is tuple:
        return _items(arguments[0], value, where=where, at=at)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments[1], value, where=where, at=at)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return read(hint, value, where=where, at=at)
    return _scalar(hint, value, where=where, at=at)


def _items(hint: Any, value: Any, *, where: str, at: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise BadFacts(where, at, "must be a list")
    return tuple(_value(hint, item, where=where, at=f"{at}[{number}]") for number, item in enumerate(value))


def _mapping(hint: Any, value: Any, *, where: str, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadFacts(where, at, "must be a table")
    return types.MappingProxyType(
        {str(key): _value(hint, item, where=where, at=_join(at, str(key))) for key, item in value.items()}
    )


def _scalar(hint: Any, value: Any, *, where: str, at: str) -> Any:
    if hint is date and isinstance(value, str):  # JSON has no dates
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise BadFacts(where, at, "must be a date, YYYY-MM-DD") from None
    if type(value) is not hint:  # exact: true is no number, a date-time is no date
        raise BadFacts(where, at, f"must be {_WORDS.get(hint, hint.__name__)}, not {type(value).__name__}")
    return value


_WORDS = {str: "a text", int: "a whole number", bool: "true or false", date: "a date"}
