"""What a file held: items to store, what could not be read, and what is left in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from secrets_vault.secret import Secret

MOST_ITEMS = 10_000
LONGEST_NAME = 120
LONGEST_FIELD_NAME = 200


class ImportRefused(IntegrationError):
    """The whole file is refused; the sentence says what to do instead."""

    code = "import_refused"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to store: its name, its values by name, and what the file knows of it.

    `fields` are named as in the vault for a login (username, password) and as in the file otherwise.
    `kind` is what the format itself says, empty where it says nothing.
    """

    name: str
    fields: Mapping[str, Secret]
    where: str = ""
    kind: str = ""
    provider_key: str = ""
    hosts: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A place in the file that holds nothing to store. It never repeats what stands there."""

    where: str
    reason: str


@dataclass(slots=True)
class Found:
    """Everything of one file. `ignored` are names of what stays there: attachments, cards, deleted items."""

    format: str
    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def add(self, name: str, fields: Mapping[str, Secret], **about: object) -> None:
        """Keep an item under names that can be stored. Raises ImportRefused when the file holds too many."""
        if len(self.items) >= MOST_ITEMS:
            raise ImportRefused(
                _("The file holds more than {most} entries. Cut it into smaller ones.").format(most=f"{MOST_ITEMS:,}")
            )
        named = {printable(field_name, LONGEST_FIELD_NAME): value for field_name, value in fields.items()}
        self.items.append(Item(printable(name, LONGEST_NAME), named, **about))  # type: ignore[arg-type]

    def miss(self, where: str, reason: str) -> None:
        """Note what could not be read."""
        self.problems.append(Problem(where, reason))


def printable(text: str, longest: int) -> str:
    """Return a name on one line without what cannot be seen, cut to what the vault takes."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(kept.split())[:longest] or _("without a name")
