"""Who does something: every entry in the book of openings names one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secrets_vault.models import User

KINDS = frozenset({"user", "gateway", "client_link", "system", "command"})


@dataclass(frozen=True)
class Actor:
    """A person or a machine. `id` is ours (a user's, a gateway token's, a link's); `ip` is where from.

    `ip` is personal data: the book holds a keyed reference to it, and the address itself sits in a
    side table from which it can be erased.
    """

    kind: str
    id: str = ""
    label: str = ""
    ip: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind that the book does not know."""
        if self.kind not in KINDS:
            raise ValueError(f"an actor's kind is one of {', '.join(sorted(KINDS))}, not {self.kind!r}")

    @classmethod
    def of(cls, user: User, ip: str = "") -> Actor:
        """Return the actor for a signed-in person."""
        return cls(kind="user", id=str(user.pk), label=user.name, ip=ip)


SYSTEM = Actor(kind="system", label="Keylodge")
COMMAND = Actor(kind="command", label="Command line")
