"""One application of one file: who does it, when, what is wrong, what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from config.provision.problems import Document
from secrets_vault.actor import COMMAND, Actor


@dataclass
class Run:
    """Shared by everything that is applied in one transaction."""

    document: Document
    now: datetime
    actor: Actor = COMMAND
    changed: list[str] = field(default_factory=list)

    def note(self, *path: str) -> None:
        """Say that something changed, by its path in the answer."""
        self.changed.append("clients." + ".".join(path))
