"""One table of the file: takes each key once, checks its kind, and refuses what nobody took."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from config.provision.lines import Path
from config.provision.problems import Document


class Table:
    """A table at `path`. Every `take_…` returns None for a key that is absent or was refused."""

    def __init__(self, values: Mapping[str, Any], path: Path, document: Document) -> None:
        self.values = values
        self.path = path
        self.document = document
        self._taken: set[str] = set()

    def at(self, name: str) -> Path:
        """Return the path of one key."""
        return (*self.path, name)

    def refuse(self, name: str, reason: str) -> None:
        """Refuse one key."""
        self.document.refuse(self.at(name), reason)

    def has(self, name: str) -> bool:
        """Tell whether the file has this key."""
        return name in self.values

    def take(self, name: str, kind: type, words: str, *, is_needed: bool = False) -> Any:
        """Return the value of a key if it is of this kind."""
        self._taken.add(name)
        if name not in self.values:
            if is_needed:
                self.refuse(name, "is missing")
            return None
        value = self.values[name]
        if type(value) is not kind:  # exact: true is no number, a date-time is no date
            self.refuse(name, f"must be {words}")
            return None
        return value

    def take_text(self, name: str, *, is_needed: bool = False, longest: int = 300) -> str | None:
        """Return a text that is not empty and stands on one line."""
        text: str | None = self.take(name, str, "a text", is_needed=is_needed)
        if text is None:
            return None
        if not text.strip() or len(text) > longest or not text.isprintable():
            self.refuse(name, f"must be one line of 1 to {longest} characters")
            return None
        return text.strip()

    def take_choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Return one of the allowed words."""
        text = self.take_text(name, is_needed=True)
        if text is not None and text not in allowed:
            self.refuse(name, f"must be one of {', '.join(allowed)}")
            return None
        return text

    def take_count(self, name: str, *, most: int = 1_000_000_000) -> int | None:
        """Return a whole number above 0."""
        number: int | None = self.take(name, int, "a whole number")
        if number is not None and not 1 <= number <= most:
            self.refuse(name, f"must be between 1 and {most:,}")
            return None
        return number

    def take_seconds(self, name: str, *, least: float, most: float) -> float | None:
        """Return a number of seconds, whole or with a fraction."""
        kind = float if isinstance(self.values.get(name), float) else int
        number: float | None = self.take(name, kind, "a number of seconds")
        if number is not None and not least <= number <= most:
            self.refuse(name, f"must be between {least:,} and {most:,} seconds")
            return None
        return number

    def take_date(self, name: str) -> date | None:
        """Return a date, written YYYY-MM-DD without quotes."""
        day: date | None = self.take(name, date, "a date such as 2026-08-01, without quotes")
        return day

    def take_moment(self, name: str) -> datetime | None:
        """Return a date-time that says its offset."""
        moment: datetime | None = self.take(name, datetime, "a date-time such as 2026-12-31T00:00:00Z, without quotes")
        if moment is not None and moment.tzinfo is None:
            self.refuse(name, "must say its offset, for example a Z at the end")
            return None
        return moment

    def take_texts(self, name: str, *, is_needed: bool = False) -> list[str] | None:
        """Return a list of texts, none empty and none twice."""
        values = self.take(name, list, "a list of texts", is_needed=is_needed)
        if values is None:
            return None
        if not all(isinstance(value, str) and value.strip() for value in values):
            self.refuse(name, "must be a list of texts")
            return None
        if len(set(values)) != len(values):
            self.refuse(name, "names something twice")
            return None
        return list(values)

    def take_table(self, name: str, *, is_needed: bool = False) -> Table | None:
        """Return a table inside this one."""
        values = self.take(name, dict, "a table", is_needed=is_needed)
        return None if values is None else Table(values, self.at(name), self.document)

    def take_tables(self, name: str) -> list[Table]:
        """Return the tables of an array such as [[client.connection]]."""
        values = self.take(name, list, f"an array of tables, [[…{name}]]")
        tables = []
        for number, value in enumerate(values or []):
            if isinstance(value, dict):
                tables.append(Table(value, (*self.at(name), number), self.document))
            else:
                self.refuse(name, f"must be an array of tables, [[…{name}]]")
        return tables

    def finish(self) -> None:
        """Refuse every key that nobody asked for, by name."""
        for name in self.values:
            if name in self._taken:
                continue
            self.refuse(name, f"is not a known key (known: {', '.join(sorted(self._taken))})")
