"""Which failures are worth keeping a call for, and which of them a person has to look at first. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.gateway import retry
from integrations.models import HeldCall

WAITING, NEEDS_DECISION = HeldCall.State.WAITING, HeldCall.State.NEEDS_DECISION

# Nothing was sent, and a time will come when it can be.
NOT_SENT = frozenset(
    {
        "token_limited",
        "upstream_limited",
        "breaker_open",
        "needs_reconnecting",
        "choice_needed",
        "paused",
        "unavailable",
    }
)
NO_ANSWER = frozenset({"upstream_unreachable", "upstream_timeout", "upstream_invalid"})
AWAY = frozenset({502, 503, 504})
LIMITED, SPENT, GONE = "upstream_limited", "spend_limit", "upstream_away"


@dataclass(frozen=True, slots=True)
class Stood:
    """A failure that stood: a code of ours, or a status of the provider's.

    `verdict` is what its last attempt came to (`retry.py`). `is_limit`: the answer means a limit, whatever its status;
    `is_spent`: one that only a person lifts. `retries_500` is a fact of the provider.
    """

    code: str = ""
    status: int | None = None
    verdict: retry.Verdict = retry.Verdict.STANDS
    is_limit: bool = False
    is_spent: bool = False
    retries_500: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """As what a call is kept, and why."""

    state: str
    code: str


def verdict(stood: Stood) -> Verdict | None:
    """Return as what a failed call is kept, None for a failure that would be the same tomorrow.

    What may have taken effect already, and would do so twice, is never sent by itself: it asks for a decision.
    """
    if stood.code in NOT_SENT:
        return Verdict(WAITING, stood.code)
    if stood.is_limit:
        return Verdict(NEEDS_DECISION, SPENT) if stood.is_spent else Verdict(WAITING, LIMITED)
    is_away = stood.status in AWAY or (stood.status == 500 and stood.retries_500)
    if not is_away and stood.code not in NO_ANSWER:
        return None
    is_unclear = stood.verdict is retry.Verdict.UNCLEAR
    return Verdict(NEEDS_DECISION if is_unclear else WAITING, stood.code or GONE)
