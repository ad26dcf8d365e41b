"""What came of making a held call, and what follows for it and for those behind it. Pure: chance is passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from integrations.gateway.held.deciding import NOT_SENT, SPENT, Verdict
from integrations.gateway.held.sealing import Answer
from integrations.models import HeldCall

State = HeldCall.State

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 15.0
# A call that must not be made twice asks for a decision if its provider is still away: it goes to see less often.
LONGEST_ONCE_S = 60.0
LONGEST_ASKED_S = 24 * 3600.0
JITTER = 0.2
SPENT_PAUSE_S = 3600.0
LOOK_AGAIN_S = 5.0
REFUSED_CREDENTIAL = frozenset({401, 407})
# What stops every call of the connection, and only a person mends.
OF_THE_CONNECTION = frozenset({"credential_unreadable", "host_refused", "provider_gone"})


class Lane(Enum):
    """What follows for the calls behind."""

    ON = "the next one may go"
    WAIT = "they wait a while"
    PAUSE = "they wait for a person"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it: an answer, or the failure that stood, with what that failure asks for (`deciding.py`).

    `was_sent`: at least one attempt was made. `is_known`: False where our own code broke off in the middle.
    """

    status: int | None = None
    code: str = ""
    verdict: Verdict | None = None
    retry_after_s: float | None = None
    was_sent: bool = True
    is_known: bool = True
    answer: Answer | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Next:
    """What follows: the call's new state and why, and what the lane does."""

    state: str
    code: str
    lane: Lane
    pause_why: str = ""

    @property
    def is_surprise(self) -> bool:
        """Tell whether it ended otherwise than whoever sent many at once hoped."""
        return self.state in (State.FAILED, State.NEEDS_DECISION)


def next_of(result: Result, *, is_repeatable: bool) -> Next:
    """Return what follows from a result."""
    if not result.is_known:
        if is_repeatable or not result.was_sent:
            return Next(State.WAITING, "internal_error", Lane.WAIT)
        return Next(State.NEEDS_DECISION, "may_have_been_sent", Lane.WAIT)
    if result.verdict is not None:
        lane = Lane.PAUSE if result.verdict.code == SPENT else Lane.WAIT
        return Next(result.verdict.state, result.verdict.code, lane, pause_why=result.verdict.code)
    if result.code in OF_THE_CONNECTION:
        return Next(State.WAITING, result.code, Lane.PAUSE, pause_why=result.code)
    if result.code:
        return Next(State.FAILED, result.code, Lane.ON)
    if result.status in REFUSED_CREDENTIAL:
        # Not this call's fault: the next would be refused, too.
        return Next(State.WAITING, "credential_refused", Lane.PAUSE, pause_why="credential_refused")
    if result.status is not None and result.status < 400:
        return Next(State.SENT, "", Lane.ON)
    return Next(State.FAILED, "refused", Lane.ON)


def pause_s(result: Result, *, failures: int, chance: Callable[[], float], is_repeatable: bool = True) -> float:
    """Return how long a lane waits: as the provider or breaker asks, else 2 s, doubling to 15 s, ±20 %.

    Where its call is not repeatable, it doubles to a minute, and that is also the least it waits for a breaker.
    What can change at any moment, such as a connection that is paused, is looked at every few seconds.
    """
    if result.code == "breaker_open" and not is_repeatable:
        return LONGEST_ONCE_S * (1 - JITTER * chance())
    if result.retry_after_s is not None:
        asked = min(max(result.retry_after_s, 1.0), LONGEST_ASKED_S)
        return asked + chance() * min(1.0, JITTER * asked)
    if result.code in NOT_SENT:
        return LOOK_AGAIN_S * (1 - JITTER + 2 * JITTER * chance())
    longest_s = LONGEST_PAUSE_S if is_repeatable else LONGEST_ONCE_S
    doubled = min(longest_s, FIRST_PAUSE_S * 2.0 ** min(failures, 10))
    return doubled * (1 - JITTER + 2 * JITTER * chance())
