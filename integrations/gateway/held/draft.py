"""A call on its way into the queue, and what came of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from integrations.gateway.held.sealing import Request


@dataclass(frozen=True, slots=True)
class Draft:
    """A call to be kept. `shown` is its target as the log shows it, `known` what must not be seen in that.

    `is_counted`: the token's own limits have counted it already. `signer` is whose JWT opened the token, b"" where
    none did.
    """

    id: UUID
    client_id: UUID
    environment_id: UUID
    connection_id: UUID
    token_id: UUID
    token_name: str
    held_at: datetime
    request: Request
    shown: bytes = field(repr=False)
    host: str = ""
    caller_ip: str = ""
    signer: bytes = field(default=b"", repr=False)
    is_counted: bool = True
    state: str = ""
    code: str = ""
    status: int | None = None
    key: str = field(default="", repr=False)
    callback: str = field(default="", repr=False)
    known: tuple[str, ...] = field(default=(), repr=False)

    @property
    def size(self) -> int:
        """Return how much room it takes, about: headers count, too."""
        head = sum(len(name) + len(value) + 8 for name, value in self.request.headers)
        return len(self.request.body) + len(self.request.rest) + len(self.request.query) + head


@dataclass(frozen=True, slots=True)
class Kept:
    """The held call under which a request is known; one that came under the same key before is the same call."""

    id: UUID
    state: str
    is_known: bool = False


class NotKept(Exception):
    """A call is not in the queue. `why` is a word for the caller; nothing of it will be sent later."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
