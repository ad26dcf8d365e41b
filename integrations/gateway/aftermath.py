"""What becomes of a call whose failure stands: the one place where that is decided.

Each `Ending` is another answer than the failure: the call is kept for later, or an earlier answer is given. The first
that takes the call answers it; where none does, the caller hears of the failure as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from integrations.gateway.asked import NOTHING, Asked
from integrations.gateway.attempts import Attempts, Standing
from integrations.gateway.body import CallerBody
from integrations.gateway.carried import Carried
from integrations.gateway.problems import Problem
from integrations.gateway.retry import KEPT_BODY_BYTES
from integrations.gateway.trace import Trace
from integrations.outbound import OutboundError

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class UnderWay:
    """One call as far as it has come. `rest` is the raw path after the connection's name, without the token.

    `attempts` is there once it was about to be sent, `is_counted` once the token's own limits have counted it. So much
    of its body is kept in memory; `release` gives back what that took.
    """

    trace: Trace
    body: CallerBody
    query: bytes = field(default=b"", repr=False)
    rest: bytes = field(default=b"", repr=False)
    asked: Asked = NOTHING
    found: Carried | None = None
    attempts: Attempts | None = None
    is_counted: bool = False
    most_body_bytes: int = KEPT_BODY_BYTES
    release: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure that stands: an error where there was no answer, else the upstream's answer, of 400 or more."""

    error: Problem | OutboundError | None = None
    standing: Standing | None = None

    @property
    def code(self) -> str:
        """Return the code of the error, "" for an answer."""
        return self.error.code if self.error is not None else ""

    @property
    def status(self) -> int | None:
        """Return the upstream's status, None where it gave none."""
        return self.standing.answering.status if self.standing is not None else None


class Beginning(Protocol):
    """Another answer than making the call."""

    async def before(self, call: UnderWay, *, send: Send) -> bool:
        """Answer a call that is allowed and not made yet; tell whether this was done."""


class Ending(Protocol):
    """Another answer than the failure."""

    async def after(self, call: UnderWay, failed: Failed, *, send: Send) -> bool:
        """Answer a call that has failed; tell whether this was done. It must not have begun to where it was not."""


class Aftermath:
    """The beginnings and endings of one process, in the order in which they are asked."""

    def __init__(self, endings: Sequence[Ending] = (), *, beginnings: Sequence[Beginning] = ()) -> None:
        self._endings = tuple(endings)
        self._beginnings = tuple(beginnings)

    async def before(self, call: UnderWay, *, send: Send) -> bool:
        """Tell whether a call was answered before it was made."""
        for beginning in self._beginnings:
            if await beginning.before(call, send=send):
                return True
        return False

    async def after(self, call: UnderWay, failed: Failed, *, send: Send) -> bool:
        """Tell whether a failed call was answered in another way than by its failure."""
        for ending in self._endings:
            if await ending.after(call, failed, send=send):
                return True
        return False
