"""What is known of a channel that takes JSON at an address."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.alerts.routes.note import Note

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_MARKS = re.compile(r"([\\`*_~|>\[\]()#])")


@dataclass(frozen=True)
class Channel:
    """One channel. `hosts` are where its addresses live (`*.` for what is below); without any it may be anywhere.

    `answers` gives what the place says in words of its own: a piece of the answer, and what that means.
    """

    write: Callable[[Note], dict[str, Any]]
    example: str
    hint: StrOrPromise
    hosts: tuple[str, ...] = ()
    answers: dict[str, StrOrPromise] = field(default_factory=dict)


def plain(text: str) -> str:
    """Return a text in which no Markdown counts: a name that somebody chose must not become a link."""
    return _MARKS.sub(r"\\\1", text)


def cut(text: str, most: int) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
