"""The versions of a provider's API, where a call can name one: in a header, or in the base URL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop

from integrations.providers.injection import FIELD_NAME, FRAMING
from integrations.providers.parts import TCHAR, Variable, compiled

if TYPE_CHECKING:
    from integrations.providers.shape import Provider


@dataclass(frozen=True, slots=True)
class Versions:
    """How a call names the version of the API that it was written for.

    `header` carries it, or `{variable}` stands in the base URL. `known` are those that the provider names today, the
    newest first; another that fits the pattern may be typed in. Without a `default` nothing is sent until one is
    pinned: the provider then takes the account's own.
    """

    pattern: str
    header: str = ""
    variable: str = "api_version"
    default: str = ""
    known: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        rule = compiled("pattern", self.pattern)
        if not FIELD_NAME.fullmatch(self.variable):
            raise ValueError("variable: must be a lower case word such as api_version")
        if self.header and (not TCHAR.fullmatch(self.header) or self.header.lower() in FRAMING):
            raise ValueError("header: is not a header that names a version")
        for version in (*self.known, *([self.default] if self.default else [])):
            if not rule.fullmatch(version):
                raise ValueError(f"known: {version} does not match the pattern")

    @property
    def as_variable(self) -> Variable:
        """Return the variable that holds a connection's version."""
        newest = self.default or next(iter(self.known), "")
        is_optional = bool(self.header)
        return Variable(
            self.variable,
            "form",
            self.pattern,
            newest,
            gettext_noop("API version"),
            self.default,
            is_optional=is_optional,
        )

    def in_header(self) -> Mapping[str, str]:
        """Return the header that carries the version, as a template; nothing where the URL does."""
        return MappingProxyType({self.header: f"{{{self.variable}}}"} if self.header else {})

    def newer_than(self, version: str) -> tuple[str, ...]:
        """Return the known versions above this one, the newest first; all where it is none of them."""
        return self.known[: self.known.index(version)] if version in self.known else self.known

    def fits(self, version: str) -> bool:
        """Tell whether a text can be a version of this API."""
        return version.isascii() and re.fullmatch(self.pattern, version) is not None


def pinned(provider: Provider) -> dict[str, str]:
    """Return the variables of a new connection: the version of today, so that newer facts do not move it."""
    facts = provider.versions
    return {facts.variable: facts.default} if facts is not None and facts.default else {}


def with_version(provider: Provider) -> Provider:
    """Return the provider with its API version as a variable, and the header that carries it."""
    if provider.versions is None:
        return provider
    variables, headers = provider.variables, dict(provider.static_headers)
    if provider.variable(provider.versions.variable) is None:
        variables = (*variables, provider.versions.as_variable)
    if provider.versions.header.lower() not in {name.lower() for name in headers}:
        headers |= provider.versions.in_header()
    return replace(provider, variables=variables, static_headers=MappingProxyType(headers))
