"""Says a cause in the reader's language. What is kept is English; pages turn it round where they show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

from django.utils.translation import gettext

from integrations.causes.explain import NAMELESS, REFUSED, UNKNOWN
from integrations.causes.table import rows
from secrets_vault.people.language import shown

SLOT = re.compile(r"\{(provider|found|status)\}")


def in_words(text: str) -> str:
    """Return a title, cause or remedy as the active language says it; what no row of the table says stays as it is."""
    if shown() == "en":
        return text
    known = _known(text)
    if known is None:
        return text
    said, filled = known
    return SLOT.sub(
        lambda slot: gettext(filled[slot[1]]) if filled[slot[1]] == NAMELESS else filled[slot[1]], gettext(said)
    )


@lru_cache(maxsize=4096)
def _known(text: str) -> tuple[str, Mapping[str, str]] | None:
    if text in _whole():
        return text, {}
    for pattern, said in _patterns():
        if match := pattern.fullmatch(text):
            return said, match.groupdict()
    return None


@cache
def _whole() -> frozenset[str]:
    return frozenset(said for said in _said() if not SLOT.search(said))


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return what finds a filled text again; the longest texts first, since a slot may hold anything."""
    slotted = sorted({said for said in _said() if SLOT.search(said)}, key=len, reverse=True)
    return tuple((_pattern(said), said) for said in slotted)


def _pattern(said: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for part in re.split(r"(\{(?:provider|found|status)\})", said):
        name = part[1:-1] if SLOT.fullmatch(part) else ""
        parts.append(re.escape(part) if not name else f"(?P={name})" if name in seen else f"(?P<{name}>.*?)")
        seen.add(name)
    return re.compile("".join(parts), re.DOTALL)


def _said() -> Iterator[str]:
    yield from (*UNKNOWN, REFUSED)
    for group in rows().values():
        for row in group:
            yield from filter(None, (row.title, row.cause, row.remedy, row.cause_without))
