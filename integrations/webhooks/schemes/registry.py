"""Schemes by key: the catalogue's files, read once, and the parameters of a scheme of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from integrations.errors import IntegrationError
from integrations.providers.reading import BadFacts
from integrations.webhooks.schemes.shape import CUSTOM, Scheme

CATALOGUE = Path(__file__).parent / "catalogue"
MADE_BY_ITSELF = ("key", "name", "checked_on", "confidence", "sources", "unconfirmed")
EPOCH = date(2026, 11, 21)


class UnknownScheme(IntegrationError):
    """No scheme has this key."""

    code = "unknown_scheme"


def get_scheme(key: str) -> Scheme:
    """Return the scheme with this key. Raises UnknownScheme; a custom scheme is made by `custom_scheme`."""
    try:
        return catalogue()[key]
    except KeyError:
        raise UnknownScheme(f"there is no webhook scheme {key}") from None


def all_schemes() -> tuple[Scheme, ...]:
    """Return the catalogue, by name."""
    return tuple(sorted(catalogue().values(), key=lambda scheme: scheme.name.lower()))


@cache
def catalogue() -> Mapping[str, Scheme]:
    """Return the catalogue by key. Raises BadFacts with file, field and reason."""
    return MappingProxyType({path.stem: read_file(path) for path in sorted(CATALOGUE.glob("*.toml"))})


def read_file(path: Path) -> Scheme:
    """Return the scheme that one file describes. Raises BadFacts."""
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadFacts(path.name, "(file)", str(error)) from None
    scheme = Scheme.from_facts(facts, where=path.name)
    if scheme.key != path.stem:
        raise BadFacts(path.name, "key", f"must be the file's name, {path.stem}")
    return scheme


def custom_scheme(parameters: Mapping[str, Any], *, where: str = CUSTOM) -> Scheme:
    """Return a scheme of one's own from the same tables as a file of the catalogue, but for what it says of itself.

    Raises BadFacts: an unknown field or template token is an error, and so is a function.
    """
    if not isinstance(parameters, Mapping):
        raise BadFacts(where, "(top)", "must be a table")
    for name in MADE_BY_ITSELF:
        if name in parameters:
            raise BadFacts(where, name, "is not given for a scheme of one's own")
    itself = {"key": CUSTOM, "name": "Custom", "checked_on": EPOCH, "confidence": "A"}
    scheme = Scheme.from_facts({**itself, **parameters}, where=where)
    if any(proof.kind == "function" for proof in scheme.proofs):
        raise BadFacts(where, "proofs", "a scheme of one's own has no function")
    return scheme
