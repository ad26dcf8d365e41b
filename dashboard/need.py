"""One thing that needs a person, as Today's queue shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

Route = tuple[Any, ...]


@dataclass(frozen=True)
class Need:
    """One thing to do: what is wrong, for whom, what follows from it, since or until when, and the one button."""

    tone: str
    title: str
    text: str
    routes: Sequence[Route]
    action: str
    when: str = ""
    client_name: str = ""
    environment: Any = None
    provider_key: str = ""
    provider_name: str = ""

    @property
    def url(self) -> str:
        """Return the first of its pages that exists."""
        return next((url for name, *arguments in self.routes if (url := url_of(name, *arguments))), "")

    @property
    def severity(self) -> str:
        """Return the tone in a word, for who does not see colours."""
        return {"bad": _("Critical"), "warn": _("Warning")}.get(self.tone, _("Notice"))


class Waiting(NamedTuple):
    """A need that is not put into words yet: of hundreds, ten are shown."""

    harm: int
    words: Callable[[], Need]


def url_of(name: str, *args: object, fallback: str = "") -> str:
    """Return the address of a page, or the fallback while that page does not exist."""
    try:
        return reverse(f"dashboard:{name}", args=args)
    except NoReverseMatch:
        return fallback
