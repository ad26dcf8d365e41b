"""How a client makes a key at the provider: in its own words where the catalogue has them, else in general ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from django.utils import translation
from django.utils.translation import gettext

from secrets_vault.people.language import code_of

if TYPE_CHECKING:
    from integrations.models import Connection
    from integrations.providers.shape import Provider

TRANSLATED = ("en", "de")
# The catalogue's steps are those of a renewal: from here on they speak to who builds the automations.
STORING = re.compile(r"\bstore\b.*\bhere\b", re.IGNORECASE)
# What makes no sense to somebody who has no key yet.
OF_AN_OLD_ONE = re.compile(
    r"\b(?:old|same|second|another|other|anew|once more|ends? at once|rotate|regenerate|refresh|reinstall|reset\w*)\b",
    re.IGNORECASE,
)
# What may be left out of the steps without a gap.
LIKE_THE_OLD_ONE = re.compile(r"Give it |Choose the role ")


@dataclass(frozen=True)
class Step:
    """One step, and the language that it is in."""

    text: str
    language: str


def making_steps(
    connection: Connection, provider: Provider, words: Mapping[str, str], language: str
) -> tuple[Step, ...]:
    """Return how the key is made, after the client has opened the provider's page for it."""
    if connection.kind == "basic":
        return (Step(words["step_make_basic"], language),)
    own = _own(provider, is_first=connection.secret_id is None) if language in TRANSLATED else []
    if not own:
        return (Step(words["step_make"], language),)
    with translation.override(code_of(language)):
        said = [gettext(text) for text in own]
    return tuple(Step(text, "en" if text == english else language) for text, english in zip(said, own, strict=True))


def _own(provider: Provider, *, is_first: bool) -> list[str]:
    """Return the provider's own steps up to the storing; none where somebody without a key could not follow them."""
    making = list(takewhile(lambda step: not STORING.search(step), provider.rotation.steps))
    if not is_first:
        return making
    fitting = [step for step in making if not OF_AN_OLD_ONE.search(step)]
    is_whole = all(LIKE_THE_OLD_ONE.match(step) for step in making if step not in fitting)
    return fitting if is_whole else []
