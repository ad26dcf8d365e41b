"""The table of causes: one file of rows a provider, read and checked once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "rows"
WHO = ("you", "client", "provider", "nobody")
OURS = ("own", "generic")  # not a vendor's: what Keylodge itself answers, and what a status means by itself


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. All conditions that are given must hold.

    `any_of`: one of these codes is in the body. `find`: this pattern is in the body; its first group
    fills `{found}`, and where it finds nothing `cause_without` is said, or the row does not hold.
    `source`: the page, issue or SDK file that shows the vendor's body; `checked_on`: when it was last compared.
    `seen`: the code or words of the body, as they were read there on `seen_on`. A vendor's row without them is
    unconfirmed: written by what is known of the vendor, and so said where its cause is shown.
    """

    code: str
    title: str
    cause: str
    remedy: str
    who: str
    status: tuple[int, ...] = ()
    own_code: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    find: str = ""
    cause_without: str = ""
    is_known: bool = True
    source: str = ""
    checked_on: date | None = None
    seen: str = ""
    seen_on: date | None = None
    is_ours: bool = False

    @property
    def is_confirmed(self) -> bool:
        """Tell whether the vendor's own words stand behind the row, or it is none of a vendor's."""
        return self.is_ours or bool(self.seen)

    def __post_init__(self) -> None:
        if self.who not in WHO:
            raise ValueError(f"{self.code}: who must be one of {', '.join(WHO)}")
        if not (self.status or self.own_code or self.any_of or self.find):
            raise ValueError(f"{self.code}: the row would hold for every answer")
        if bool(self.seen) != isinstance(self.seen_on, date):
            raise ValueError(f"{self.code}: seen, the words that were read, and seen_on, the day, go together")
        re.compile(self.find)


@cache
def rows() -> Mapping[str, tuple[Row, ...]]:
    """Return the table by provider key, and under "generic" and "own"."""
    return {path.stem: tuple(read(path)) for path in sorted(FOLDER.glob("*.toml"))}


def vendor_rows() -> Mapping[str, tuple[Row, ...]]:
    """Return the rows that come from vendors' own bodies, by provider key."""
    return {key: group for key, group in rows().items() if key not in OURS}


def read(path: Path) -> Iterable[Row]:
    """Yield the rows of one file. Raises ValueError or TypeError, with the file and the row, for one that is not whole.

    A vendor's file says on which day its rows were compared with their sources, and each row has a source.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    seen: set[str] = set()
    for facts in table["row"]:
        about = f"{path.name}: {facts['code']}"
        if facts["code"] in seen:
            raise ValueError(f"{about}: two rows have this code")
        seen.add(facts["code"])
        _check_source(facts.get("source", ""), table.get("checked_on"), about, is_ours=path.stem in OURS)
        yield _row(facts, table.get("checked_on"), about, is_ours=path.stem in OURS)


def _check_source(source: str, checked_on: date | None, about: str, *, is_ours: bool) -> None:
    if is_ours:
        return
    if not source.startswith("https://"):
        raise ValueError(f"{about}: source must name the https page that shows the body")
    if not isinstance(checked_on, date):
        raise ValueError(f"{about}: the file must say checked_on, the day of the last comparison")


def _row(facts: Mapping[str, Any], checked_on: date | None, about: str, *, is_ours: bool) -> Row:
    whole: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in facts.items()}
    try:
        return Row(**whole, checked_on=checked_on, is_ours=is_ours)
    except (TypeError, ValueError) as bad:
        raise type(bad)(f"{about}: {bad}") from bad
