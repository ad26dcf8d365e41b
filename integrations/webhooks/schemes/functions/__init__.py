"""The schemes for which facts do not suffice, a small function each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from integrations.webhooks.schemes.proven import Function


@cache
def functions() -> Mapping[str, Function]:
    """Return the functions by the name that a file calls them by."""
    return MappingProxyType({})
