"""A provider as those know it who have pasted a key, where its consents need what only they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from integrations.providers.parts import TOKEN_KINDS

if TYPE_CHECKING:
    from integrations.providers.shape import Provider

GONE = ("oauth.", "injections.", "base_urls.", "probes.", "kind_headers.")


def without_oauth(provider: Provider) -> Provider:
    """Return the provider without its consents: their addresses name a variable that a pasted key does not have."""
    return replace(
        provider,
        oauth=None,
        injections=_pasted(provider.injections),
        base_urls=_pasted(provider.base_urls),
        probes=_pasted(provider.probes),
        kind_headers=_pasted(provider.kind_headers),
        unconfirmed=tuple(name for name in provider.unconfirmed if not name.startswith(GONE)),
    )


def _pasted(by_kind: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType({kind: one for kind, one in by_kind.items() if kind not in TOKEN_KINDS})
