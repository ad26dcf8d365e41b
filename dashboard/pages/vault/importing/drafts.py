"""What was read and what was chosen, between reading and storing. It waits in the session, which the vault seals."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from integrations.importing import Found, Item, kinds_of, pack, suggest, unpack

if TYPE_CHECKING:
    from dashboard.render import PageRequest

DRAFT_KEY = "vault.import"
WAITS_S = 60 * 60
SKIP, JOINED, VERSION = "skip", "set", "version:"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to become of one row. `act`: a kind, JOINED with others, SKIP, or VERSION and two ids."""

    act: str
    label: str
    provider_key: str
    place: str

    @property
    def is_version(self) -> bool:
        """Tell whether the value becomes a new version of a stored secret."""
        return self.act.startswith(VERSION)


@dataclass(slots=True)
class Run:
    """Storing that goes on by itself, batch after batch: what holds for all of them, and how far it is.

    `done` counts the units that are stored or left out for good, `refused` names those that could not be stored.
    """

    made_on: str
    set_label: str
    is_merged: bool
    total: int
    left_out: int
    done: int = 0
    stored: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def percent(self) -> int:
        """Return how far it is."""
        return self.done * 100 // max(self.total, 1)


@dataclass(slots=True)
class Draft:
    """One file that was read, the place it is for, and the choices made so far, by the row's number."""

    place: str
    how: str
    found: Found
    read_at: float
    more: int = 0
    choices: dict[int, Choice] = field(default_factory=dict)
    run: Run | None = None

    def keep(self, request: PageRequest) -> None:
        """Put it into the session."""
        request.session[DRAFT_KEY] = {
            "place": self.place,
            "how": self.how,
            "read_at": self.read_at,
            "found": pack(self.found) | {"more": self.more or pack(self.found)["more"]},
            "choices": {str(number): asdict(choice) for number, choice in self.choices.items()},
            "run": asdict(self.run) if self.run is not None else None,
        }

    def acts(self, item: Item) -> list[str]:
        """Return what can become of an item."""
        return [SKIP, *(kind or JOINED for kind in kinds_of(item))]

    def proposed(self, item: Item, *, place: str) -> Choice:
        """Return what is proposed for an item that nobody chose for."""
        found = suggest(item)
        act = found.kind or JOINED
        if self.how == JOINED and JOINED in self.acts(item):
            act = JOINED
        return Choice(act, item.name, found.provider_key, place)


def load(request: PageRequest) -> Draft | None:
    """Return the draft of this session. One that waited for an hour is thrown away."""
    kept: dict[str, Any] | None = request.session.get(DRAFT_KEY)
    if kept is None or "found" not in kept or not 0 <= time.time() - kept["read_at"] < WAITS_S:
        throw_away(request)
        return None
    choices = {int(number): Choice(**row) for number, row in kept["choices"].items()}
    run = Run(**kept["run"]) if kept.get("run") else None
    about = kept["place"], kept["how"], unpack(kept["found"]), kept["read_at"], kept["found"]["more"]
    return Draft(*about, choices, run)


def throw_away(request: PageRequest) -> None:
    """Forget what was read."""
    if DRAFT_KEY in request.session:
        del request.session[DRAFT_KEY]


def relabelled(choice: Choice, **changed: str) -> Choice:
    """Return a choice with something else in it."""
    return replace(choice, **changed)
